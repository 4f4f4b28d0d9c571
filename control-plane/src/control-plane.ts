import type { IncomingMessage, Server } from 'node:http'

import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { SwaggerModule } from '@nestjs/swagger'
import type { Express, NextFunction, Request, Response } from 'express'
import helmet from 'helmet'
import { pinoHttp } from 'pino-http'

import { forgetFirst } from './access/untold.js'
import { AppModule, type Foundations } from './app.module.js'
import { PROBE } from './front/applying/ask-nginx.js'
import type { Applied } from './front/generations.js'
import { openApi } from './http/openapi.js'
import { ProblemsFilter } from './http/problems.filter.js'
import { ProductError } from './http/product-error.js'
import { refuseHostileJson } from './http/refuse-hostile-json.js'
import { API } from './http/route-url.js'
import { chooseRequestId } from './http/request-id.js'
import { type FirstStart, Starting } from './starting.js'

const LARGEST_BODY = '1mb'
/** Where a scraper looks that was told a host alone. */
const METRICS = '/metrics'

/** An API that answers at once: with 503 `database-unavailable` until `start` has come so far. */
export interface ControlPlane {
  readonly server: Server
  /** Brings the database up to date, makes what a first start makes, and puts in force what is meant. */
  start(adminToken: string | undefined): Promise<{ readonly first: FirstStart; readonly applied: Applied }>
  /** What the start has made was shown: nobody tells it again. */
  forgetFirst(): Promise<void>
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
  app.use(refuseHostileJson)
  SwaggerModule.setup('api/docs', app, () => openApi(app), { jsonDocumentUrl: 'api/openapi.json' })
  await app.init()
  const starting = new Starting(app, foundations.sealing)
  await traffic.start()
  answerTheRest(app, new ProblemsFilter(log))
  return {
    server: app.getHttpServer() as Server,
    start: (adminToken) => starting.start(adminToken),
    forgetFirst: () => database.transaction(forgetFirst),
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
