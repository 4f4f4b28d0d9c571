import { createServer, type IncomingMessage, type Server } from 'node:http'
import { isAbsolute } from 'node:path'
import type { Settings } from '../config/settings.js'
import type { Metrics } from '../system/metrics.js'
import type { Readiness } from '../system/readiness.js'
import { readinessOf } from './endpoints/base.js'
import { listen } from './listen.js'

export interface OperationsOptions {
  readonly listeners: Settings['operations']
  readonly metrics: Metrics
  readonly readiness: Readiness
  /** Reads the configuration anew. */
  readonly reload: () => Promise<Reloaded>
  /** What a configuration file would do, by its absolute path, in a moment; nothing when it would take longer. */
  readonly check: (file: string) => object | undefined
  /** The health checks that fail, with why. */
  readonly failing: () => ReadonlyMap<string, string>
  /** All that is worth telling of this process, for those who give it orders. */
  readonly status: () => Promise<object>
}

/** What became of a reload, to be answered as it is. */
interface Reloaded {
  readonly outcome: keyof typeof RELOADED_STATUS
}

const RELOADED_STATUS = { reloaded: 200, refused: 400, incomplete: 500 } as const

/** Listeners for those who watch over the process, never for clients: health and metrics. */
export interface Operations {
  readonly addresses: readonly string[]
  stop(): Promise<void>
}

/** Opens every listener, or none. */
export async function openOperations(options: OperationsOptions): Promise<Operations> {
  const opened: { readonly server: Server; readonly name: string }[] = []
  try {
    for (const listener of options.listeners) {
      const server = makeServer(listener, options)
      const { name } = await listen(server, listener.address)
      server.on('error', () => undefined) // a failed accept: the next one is taken
      opened.push({ server, name })
    }
  } catch (error) {
    for (const { server } of opened) server.close()
    throw error
  }
  return {
    addresses: opened.map(({ name }) => name),
    async stop() {
      await Promise.all(
        opened.map(({ server }) => {
          const closed = new Promise<void>((resolve) => server.close(() => resolve()))
          server.closeAllConnections()
          return closed
        }),
      )
    },
  }
}

type Answer = readonly [status: number, value: object]

function makeServer(
  { metricsPath, takesOrders }: Settings['operations'][number],
  options: OperationsOptions,
): Server {
  const { metrics, readiness, failing } = options
  return createServer((request, response) => {
    const path = request.url?.split('?', 1).join('')
    const reply = (status: number, type: string, text: string): void => {
      response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
      response.end(text)
    }
    const json = (...[status, value]: Answer): void =>
      reply(status, 'application/json; charset=utf-8', JSON.stringify(value))
    const order = takesOrders ? orderOf(request, options) : undefined
    if (order)
      order().then(
        (answer) => json(...answer),
        () => json(500, {}),
      )
    else if (request.method !== 'GET' && request.method !== 'HEAD') json(405, {})
    else if (path === metricsPath)
      metrics.text().then(
        (text) => reply(200, metrics.contentType, text),
        () => json(500, {}),
      )
    else if (path === '/healthz') json(200, { status: 'alive' })
    else if (path === '/readyz') {
      const { status, value } = readinessOf(readiness)
      json(status, value)
    } else if (path === '/debug/health') {
      const checks = failing()
      json(checks.size === 0 ? 200 : 503, Object.fromEntries(checks))
    } else reply(404, 'text/plain; charset=utf-8', `404 page not found; ${served(metricsPath)}\n`)
  })
}

/** What is answered on the internal socket alone; `undefined` for everything else. */
function orderOf(
  { method, url = '' }: IncomingMessage,
  { readiness, reload, check, status }: OperationsOptions,
): (() => Promise<Answer>) | undefined {
  const [path, query] = url.split('?', 2)
  switch (`${method === 'HEAD' ? 'GET' : method} ${path}`) {
    case 'POST /reload':
      return async () => {
        const reloaded = await reload()
        return [RELOADED_STATUS[reloaded.outcome], reloaded]
      }
    case 'GET /status':
      return async () => [200, { ready: readinessOf(readiness).value, ...(await status()) }]
    case 'GET /check':
      return async () => {
        const file = new URLSearchParams(query).get('file') ?? ''
        const checked = isAbsolute(file) ? check(file) : undefined
        return checked === undefined ? [422, {}] : [200, checked]
      }
    default:
      return undefined
  }
}

function served(metricsPath: string | undefined): string {
  const metrics =
    metricsPath === undefined
      ? 'metrics come with http.debug.prometheus.enabled'
      : `metrics are under ${metricsPath}`
  return `here are /healthz, /readyz and /debug/health, ${metrics}`
}
