import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import { errorFields } from './access-log.js'
import { answerParserError, type Refusal, refuseExpectation, refuseTunnel } from './parser-errors.js'
import { handleRequest, type HandlerOptions, type ListenerRules } from './handle.js'
import type { ListenAddress } from '../config/settings.js'
import { type Listening, listen } from './listen.js'
import { openTlsServer } from './tls/tls-server.js'
import type { Certificates } from './tls/renewal.js'

/** One address that takes requests. */
export interface ListenerSettings extends Omit<ListenerRules, 'isBehindNginx' | 'listener'> {
  readonly address: ListenAddress
}

export interface EdgeOptions
  extends Pick<HandlerOptions, 'parts' | 'random' | 'load' | 'report' | 'prefix' | 'failingCheck'> {
  readonly listeners: readonly ListenerSettings[]
  /** Names and values, added to every answer, or instead of our own of that name. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** TCP listeners speak TLS with them, and plain HTTP without; a unix socket is nginx's, and never encrypted. */
  readonly certificates?: Certificates | undefined
  /** Hears of what was refused before it was a request. */
  readonly reportRefusal: (refusal: Refusal) => void
  readonly log: Log
  readonly clock: Clock
  /** How long a client may neither send nor take anything; shorter in tests. */
  readonly idleMs?: number
  /** How long the head of a request may take; shorter in tests. */
  readonly headersMs?: number
  /** What half-sent manifests may hold together; less in tests. */
  readonly collectedLimitBytes?: number
  /** How long a TLS handshake may take; shorter in tests. */
  readonly handshakeMs?: number
}

/** The listeners of a registry. */
export interface Edge {
  /** Where it listens, in words: `127.0.0.1:5000`, `unix:run/core.sock`. */
  readonly addresses: readonly string[]
  /** The TCP ports, for those who asked for any. */
  readonly ports: readonly number[]
  /** Takes no more connections, lets what runs end for `graceMs`, then cuts it. */
  stop(graceMs: number): Promise<void>
}

/** nginx keeps its connections for 75 s (60 s in older versions): ours must outlive them, or it meets a closed one. */
const KEEP_ALIVE_MS = 620_000
const HEADERS_MS = 60_000
/** Of half-sent manifests, over all requests. */
const COLLECTED_LIMIT_BYTES = 128 * 1024 * 1024
const HANDSHAKE_MS = 30_000
/** As nginx's timeouts in front of us (design §7). */
const IDLE_MS = 900_000
/** What nginx lets through (two buffers of 36 KiB) and what it adds itself. */
const HEADER_LIMIT_BYTES = 88 * 1024

/** Opens every listener, or none. */
export async function openEdge(options: EdgeOptions): Promise<Edge> {
  let isDraining = false
  const headers = commonHeaders(options)
  const { clock, idleMs = IDLE_MS, headersMs = HEADERS_MS, handshakeMs = HANDSHAKE_MS } = options
  const handler = {
    ...options,
    ...{ headersMs, handshakeMs },
    get headers() {
      return headers()
    },
    body: {
      clock,
      idleMs,
      collected: { bytes: 0, limitBytes: options.collectedLimitBytes ?? COLLECTED_LIMIT_BYTES },
    },
    send: { clock, idleMs, content: options.parts.content },
    isDraining: () => isDraining,
  }
  const opened: (Serving & { readonly listening: Listening })[] = []
  try {
    for (const [listener, settings] of options.listeners.entries()) {
      // Who connects to the header listener's socket is nginx, and is believed.
      const made = openServer(settings, handler)
      const { server } = made
      const isBehindNginx = settings.view === 'header'
      const endSilent = answerRequests(made, { ...settings, listener, isBehindNginx }, handler)
      const listening = await listen(server, settings.address)
      // Without a descriptor left, accept fails: the server goes on and takes the next one (fault 16).
      server.on('error', (error) =>
        options.log.error({ error: error.message }, 'a connection could not be accepted'),
      )
      opened.push({ ...made, endSilent, listening })
    }
  } catch (error) {
    for (const { server } of opened) server.close()
    throw error
  }
  return {
    addresses: opened.map(({ listening }) => listening.name),
    ports: opened.flatMap(({ listening }) => listening.port ?? []),
    async stop(graceMs) {
      isDraining = true
      await Promise.all(opened.map((each) => closeServer(each, graceMs, options)))
    },
  }
}

const OWN_HEADERS = [
  ['Docker-Distribution-Api-Version', 'registry/2.0'],
  ['X-Content-Type-Options', 'nosniff'],
] as const

/** Put together once for each reload of the settings. */
function commonHeaders(options: Pick<EdgeOptions, 'headers'>): () => readonly string[] {
  let configured: EdgeOptions['headers'] | undefined
  let common: readonly string[] = []
  return () => {
    if (configured === options.headers) return common
    const wanted = options.headers
    const isReplaced = (own: string): boolean =>
      wanted.some(([name]) => name.toLowerCase() === own.toLowerCase())
    configured = wanted
    common = [...OWN_HEADERS.filter(([name]) => !isReplaced(name)), ...wanted].flat()
    return common
  }
}

interface Opened {
  readonly server: Server
  /** When a connection can carry requests. */
  readonly arrival: 'connection' | 'secureConnection'
  /** Cuts connections on which nothing can be asked yet. */
  endHandshakes(): void
}

interface Serving extends Opened {
  /** Cuts connections on which nothing was asked yet: Node counts them as busy. */
  endSilent(): void
}

type ServingOptions = HandlerOptions &
  Pick<EdgeOptions, 'log' | 'reportRefusal' | 'clock' | 'certificates'> & {
    readonly headersMs: number
    readonly handshakeMs: number
  }

function openServer({ address }: ListenerSettings, options: ServingOptions): Opened {
  const { headersMs, certificates, log } = options
  const limits = {
    // Body-wide limits would cut long uploads: body.ts limits the time between two pieces instead.
    requestTimeout: 0,
    headersTimeout: headersMs,
    connectionsCheckingInterval: Math.min(5000, headersMs),
    // nginx closes what it does not use, and dies with its sockets: without a limit there is no timer to set for each request.
    keepAliveTimeout: address.kind === 'unix' ? 0 : KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_LIMIT_BYTES,
    // Ours is the answer of an OCI registry.
    requireHostHeader: false,
    // Most have no body: without the life of a stream a request costs a tenth less.
    optimizeEmptyRequests: true,
    noDelay: true,
  }
  if (certificates === undefined || address.kind === 'unix')
    return { server: createServer(limits), arrival: 'connection', endHandshakes: () => undefined }
  const opened = openTlsServer(limits, {
    ...options,
    certificates,
    reportHandshake: ({ remoteAddress, code, why }) =>
      log.info({ 'http.request.remoteaddr': remoteAddress, outcome: code }, `no TLS with a client: ${why}`),
  })
  return { ...opened, arrival: 'secureConnection' }
}

function answerRequests(
  { server, arrival }: Opened,
  rules: ListenerRules,
  options: ServingOptions,
): () => void {
  const silent = new Set<Socket>()
  server.on(arrival, (socket: Socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  // The answer that a connection is at, and the one to its newest request.
  const running = new WeakMap<Socket, ServerResponse>()
  const latest = new WeakMap<Socket, ServerResponse>()
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    silent.delete(request.socket)
    const previous = latest.get(request.socket)
    latest.set(request.socket, response)
    const handle = (): void => {
      if (request.socket.destroyed) return
      running.set(request.socket, response)
      handleRequest({ request, response }, rules, options).catch((error: unknown) => {
        // Not the request's fault, nor one of the list: what was said of it could not even be written down.
        response.destroy()
        options.log.error(errorFields(error), 'a request could not be ended')
      })
    }
    // Requests of one connection take effect in their order (RFC 9112 §9.3.2): a pipelined one waits.
    if (previous === undefined || previous.writableFinished || previous.destroyed) handle()
    else previous.once('close', () => setImmediate(handle)) // others come first: a pipeline must not keep the loop
  }
  server.on('request', onRequest)
  // The 100 is sent when the body is wanted, so that a refused upload is never sent at all.
  server.on('checkContinue', onRequest)
  server.on('checkExpectation', refuseExpectation)
  server.on('connect', (_request, socket) => refuseTunnel(socket))
  server.on('clientError', (error, stream) => {
    if (!(stream instanceof Socket)) return
    const refusal = answerParserError(error, stream, running.get(stream))
    if (refusal) options.reportRefusal(refusal)
  })
  return () => {
    for (const socket of silent) socket.destroy()
  }
}

async function closeServer(
  serving: Serving,
  graceMs: number,
  { clock }: Pick<EdgeOptions, 'clock'>,
): Promise<void> {
  const { server } = serving
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  serving.endHandshakes()
  serving.endSilent()
  server.closeIdleConnections()
  const stopTimer = clock.after(graceMs, () => server.closeAllConnections())
  await closed
  stopTimer()
}
