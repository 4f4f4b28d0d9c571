import type { IncomingMessage, Server } from 'node:http'

import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { SwaggerModule } from '@nestjs/swagger'
import type { Express, NextFunction, Request, Response } from 'express'
import helmet from 'helmet'
import { pinoHttp } from 'pino-http'
import type { EntityManager } from 'typeorm'

import { Accounts } from './access/accounts.service.js'
import { AdminTokens, type FirstToken } from './access/admin-tokens.service.js'
import { AppModule, type Foundations } from './app.module.js'
import { Audit } from './audit/audit.service.js'
import { Restores } from './backup/restores.service.js'
import { PROBE } from './front/applying/ask-nginx.js'
import { Acme } from './front/acme.service.js'
import { ConfigurationEntity } from './front/configuration.entity.js'
import { Configurations } from './front/configurations.service.js'
import type { Applied } from './front/generations.js'
import { THE_BOX } from './http/caller.js'
import { openApi } from './http/openapi.js'
import { ProblemsFilter } from './http/problems.filter.js'
import { ProductError } from './http/product-error.js'
import { API } from './http/route-url.js'
import { chooseRequestId } from './http/request-id.js'
import { Leases } from './leases/leases.js'
import { UPSTREAM_HOSTS, Upstreams } from './upstreams/upstreams.service.js'

const LARGEST_BODY = '1mb'
/** Where a scraper looks that was told a host alone. */
const METRICS = '/metrics'

/** What a start has made, and is shown once. */
export interface FirstStart {
  readonly adminToken: string | undefined
  readonly account: { readonly name: string; readonly password: string } | undefined
}

/** An API that answers at once: with 503 `database-unavailable` until `start` has come so far. */
export interface ControlPlane {
  readonly server: Server
  /** Brings the database up to date, makes what a first start makes, and puts in force what is meant. */
  start(adminToken: string | undefined): Promise<{ readonly first: FirstStart; readonly applied: Applied }>
  close(): Promise<void>
}

/** The admin API on its foundations; it answers before Postgres does. Listening is for the caller. */
export async function openControlPlane(foundations: Foundations): Promise<ControlPlane> {
  const { log, database, random, traffic } = foundations
  const app = await NestFactory.create<NestExpressApplication>(AppModule.on(foundations), {
    ...{ logger: false, bodyParser: false, abortOnError: false },
  })
  app.setGlobalPrefix(API)
  app.use((request: Request, _response: Response, next: NextFunction) => {
    if (request.path === METRICS) request.url = `/${API}${METRICS}`
    next()
  })
  app.use(
    pinoHttp({
      logger: log,
      autoLogging: { ignore: isProbe },
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
  const starting = new Starting(app)
  await traffic.start()
  answerTheRest(app, new ProblemsFilter(log))
  return {
    server: app.getHttpServer() as Server,
    start: (adminToken) => starting.start(adminToken),
    close: async () => {
      await app.close()
      await traffic.stop()
      await database.close()
    },
  }
}

/** The box asks this again and again, by nobody; whoever takes its name for anything else is logged. */
function isProbe({ method, url, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    url === `/${API}/health` &&
    headers['user-agent'] === PROBE &&
    headers.authorization === undefined
  )
}

/** Nest looks after what is below its prefix, express would answer the rest in HTML. */
function answerTheRest(app: NestExpressApplication, problems: ProblemsFilter): void {
  const express: Express = app.getHttpAdapter().getInstance()
  express.use((request: Request, response: Response) => {
    const { method, path } = request
    problems.answer(new ProductError('no-such-route', { method, path }), request, response)
  })
  express.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    problems.answer(error, request, response)
  })
}

interface Made {
  readonly token: FirstToken | undefined
  readonly account: FirstStart['account']
}

/** Tried until Postgres has kept it: it may have, and its answer was lost. */
class Starting {
  readonly #app: NestExpressApplication
  #made: Made = { token: undefined, account: undefined }

  constructor(app: NestExpressApplication) {
    this.#app = app
  }

  async start(adminToken: string | undefined) {
    const tokens = this.#app.get(AdminTokens)
    const applied = await this.#app.get(Configurations).putInForce(async (manager) => {
      await this.#app.get(Restores).settle(manager)
      this.#made = await this.#ensure(manager, adminToken)
    })
    tokens.forget()
    await this.#app.get(Leases).endThoseBefore()
    await this.#app.get(Acme).sealPlainFiles()
    void this.#app.get(Acme).tick() // an order that was cut off goes on at once
    const { token, account } = this.#made
    return { first: { adminToken: token?.token, account }, applied }
  }

  async #ensure(manager: EntityManager, adminToken: string | undefined): Promise<Made> {
    const [tokens, accounts] = [this.#app.get(AdminTokens), this.#app.get(Accounts)]
    const isFirst = (await manager.count(ConfigurationEntity)) === 0
    const token = await tokens.ensureFirst(manager, adminToken)
    if (isFirst) await this.#app.get(Upstreams).ensureFirst(manager, UPSTREAM_HOSTS)
    const account = isFirst ? await accounts.ensureFirst(manager) : undefined
    await noteFirst(this.#app.get(Audit), manager, { token, account }, isFirst)
    const before = this.#made
    const keptToken = before.token && (await tokens.isKept(manager, before.token)) ? before.token : undefined
    const keptAccount =
      before.account && (await accounts.isKept(manager, before.account)) ? before.account : undefined
    return { token: token ?? keptToken, account: account ?? keptAccount }
  }
}

/** What the box makes by itself is audited as what people make. */
async function noteFirst(audit: Audit, manager: EntityManager, { token, account }: Made, isFirst: boolean) {
  const made = [
    ...(token === undefined ? [] : [['admin-tokens.create', token.name]]),
    ...(account === undefined ? [] : [['accounts.create', account.name]]),
    ...(isFirst ? UPSTREAM_HOSTS.map((host) => ['upstreams.put', host]) : []),
  ]
  for (const [action = '', target = ''] of made) await audit.note(manager, THE_BOX, { action, target })
}
