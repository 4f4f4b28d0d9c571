import type { Server } from 'node:http'

import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger'
import helmet from 'helmet'
import { pinoHttp } from 'pino-http'

import { Accounts } from './access/accounts.service.js'
import { AdminTokens } from './access/admin-tokens.service.js'
import { AppModule, type Foundations } from './app.module.js'
import { ConfigurationEntity } from './front/configuration.entity.js'
import { Configurations } from './front/configurations.service.js'
import type { Applied } from './front/configuration.js'
import { chooseRequestId } from './http/request-id.js'
import { UPSTREAM_HOSTS, Upstreams } from './upstreams/upstreams.service.js'

const API = 'api/v1'
const LARGEST_BODY = '1mb'

/** What is shown once, to whoever started the box for the first time. */
export interface FirstStart {
  readonly adminToken: string | undefined
  readonly account: { readonly name: string; readonly password: string } | undefined
}

export interface ControlPlane {
  readonly server: Server
  /** Brings the database up to date, makes what a first start makes, and puts in force what is meant. */
  start(adminToken: string | undefined): Promise<{ readonly first: FirstStart; readonly applied: Applied }>
  close(): Promise<void>
}

/** The admin API on its foundations; it answers before Postgres does. Listening is for the caller. */
export async function openControlPlane(foundations: Foundations): Promise<ControlPlane> {
  const { log, database, random } = foundations
  const app = await NestFactory.create<NestExpressApplication>(AppModule.on(foundations), {
    ...{ logger: false, bodyParser: false, abortOnError: false },
  })
  app.setGlobalPrefix(API)
  app.use(
    pinoHttp({
      logger: log,
      genReqId: (request) => chooseRequestId(request, random),
      // Nothing else of a request: its headers hold the token.
      serializers: {
        req: ({ id, method, url }: Record<string, unknown>) => ({ id, method, url }),
        res: ({ statusCode }: Record<string, unknown>) => ({ status: statusCode }),
      },
    }),
  )
  app.set('etag', false) // entity tags are versions of what may be changed, not digests of bytes
  app.use(helmet())
  app.useBodyParser('json', {
    limit: LARGEST_BODY,
    type: ['application/json', 'application/merge-patch+json'],
  })
  SwaggerModule.setup('api/docs', app, () => openApi(app), { jsonDocumentUrl: 'api/openapi.json' })
  await app.init()
  return {
    server: app.getHttpServer() as Server,
    start: (adminToken) => start(app, adminToken),
    close: async () => {
      await app.close()
      await database.close()
    },
  }
}

async function start(app: NestExpressApplication, adminToken: string | undefined) {
  const tokens = app.get(AdminTokens)
  const accounts = app.get(Accounts)
  const upstreams = app.get(Upstreams)
  let first: FirstStart = { adminToken: undefined, account: undefined }
  const applied = await app.get(Configurations).reconcile(async (manager) => {
    const isFirst = (await manager.count(ConfigurationEntity)) === 0
    const token = await tokens.ensureFirst(manager, adminToken)
    if (isFirst) await upstreams.ensureFirst(manager, UPSTREAM_HOSTS)
    first = { adminToken: token, account: isFirst ? await accounts.ensureFirst(manager) : undefined }
  })
  return { first, applied }
}

function openApi(app: NestExpressApplication) {
  const info = new DocumentBuilder()
    .setTitle('Entrepot admin API')
    .setDescription('What the box does: upstreams, accounts, nginx, certificates, and their history.')
    .setVersion('1')
    .addBearerAuth()
    .addSecurityRequirements('bearer')
    .build()
  return SwaggerModule.createDocument(app, info)
}
