import { setImmediate } from 'node:timers/promises'
import { type Dispatcher, request } from 'undici'
import type { UpstreamSettings } from '../mirror-settings.js'
import { errorCode } from '../../store/fs.js'
import type { Clock } from '../../system/clock.js'
import { type AddressGuard, openAddressGuard } from './address-guard.js'
import { type Connections, openConnections } from './connections.js'
import { openResolve, type Resolve } from './name-servers.js'
import { connectionFailure } from './network-failure.js'
import type { Environment } from './proxies.js'
import { redirectTarget, REDIRECTS } from './redirects.js'
import type { Timeouts } from './timeouts.js'
import { UpstreamFailure } from './upstream-failure.js'

/** Single requests of HTTP to an upstream, its token service, and wherever they redirect to. */
export interface Wire {
  /** The answer that is no redirect, whatever its status. @throws UpstreamFailure when there is none */
  ask(question: WireQuestion): Promise<WireAnswer>
  readonly timeouts: Timeouts
  readonly clock: Clock
  close(): Promise<void>
}

export interface WireQuestion {
  readonly method: 'GET' | 'HEAD'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Leaves for the origin of `url` only. */
  readonly authorization: string | undefined
  readonly signal: AbortSignal
}

export interface WireAnswer {
  readonly status: number
  /** The first of that name. What is asked for here is all that is ever seen of an upstream's headers (attack row 22). */
  readonly header: (name: string) => string | undefined
  readonly body: Dispatcher.ResponseData['body']
  /** Who answered in the end. */
  readonly url: URL
  /** False when a redirect led elsewhere. */
  readonly isFromAsked: boolean
}

export interface WireOptions {
  readonly clock: Clock
  readonly environment: Environment
  readonly timeouts: Timeouts
  readonly resolve?: Resolve | undefined
}

interface Parts {
  readonly guard: AddressGuard
  readonly connections: Connections
  readonly clock: Clock
  readonly timeouts: Timeouts
}

/** So much of an answer that nobody wants is read, so that the connection can be used again. */
const DISCARD_BYTES = 64 * 1024
const DRAIN_MS = 1000

export function openWire(settings: UpstreamSettings, options: WireOptions): Wire {
  const { clock, environment, timeouts } = options
  const guard = openAddressGuard(settings)
  const resolve = options.resolve ?? openResolve(settings.host, settings.dns, clock)
  const connections = openConnections(settings, { guard, resolve, environment, timeouts })
  const parts: Parts = { guard, connections, clock, timeouts }
  return {
    clock,
    timeouts,
    ask: (question) => follow(parts, question),
    close: () => connections.close(),
  }
}

/** Ends an answer whose body is not wanted. */
export function discard({ body }: WireAnswer): void {
  // It was not wanted, so it does not matter whether it came.
  body.dump({ limit: DISCARD_BYTES }).catch(() => undefined)
}

/** The same, and when it is done its connection is free for what comes next. */
export async function drain(wire: Wire, { body }: WireAnswer): Promise<void> {
  const stop = wire.clock.after(DRAIN_MS, () => body.destroy())
  await body.dump({ limit: DISCARD_BYTES }).catch(() => undefined)
  stop()
  await setImmediate() // undici looks at it again in the next turn only
}

/** Once the origin has changed, the credential stays behind, also when a further redirect leads back (attack row 50). */
async function follow(parts: Parts, question: WireQuestion): Promise<WireAnswer> {
  let { url, authorization } = question
  for (let hops = 0; hops <= REDIRECTS; hops += 1) {
    const answer = await exchange(parts, { ...question, url, authorization })
    const target = redirectTarget(url, answer.status, answer.header('location'))
    if (target === undefined) return { ...answer, isFromAsked: url.origin === question.url.origin }
    discard(answer)
    if (target.origin !== url.origin) authorization = undefined
    url = target
  }
  throw new UpstreamFailure(
    'redirect',
    `${question.url.host} redirects more than ${REDIRECTS} times, last to ${url.host}: its redirects seem to go round in circles`,
  )
}

/** A connection that was kept open may have been closed at the other end just now: then, and only then, it is asked again. */
async function exchange(parts: Parts, question: WireQuestion): Promise<WireAnswer> {
  try {
    return await exchangeOnce(parts, question)
  } catch (error) {
    question.signal.throwIfAborted()
    const proxy = parts.connections.to(question.url).proxy
    if (!STALE.has(errorCode(error) ?? '')) throw connectionFailure(error, question.url, proxy)
    try {
      return await exchangeOnce(parts, question)
    } catch (again) {
      question.signal.throwIfAborted()
      throw connectionFailure(again, question.url, proxy)
    }
  }
}

const STALE: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

async function exchangeOnce(parts: Parts, question: WireQuestion): Promise<WireAnswer> {
  const { guard, connections, clock, timeouts } = parts
  const { url, method, authorization, signal } = question
  const refusal = guard.refusalOfLiteral(url)
  if (refusal !== undefined) throw refusal
  const { dispatcher } = connections.to(url)
  // undici measures each part of the way; not the silence of a proxy that takes the connection and says nothing.
  const late = new AbortController()
  const limitMs = timeouts.connectMs + timeouts.headersMs
  const stop = clock.after(limitMs, () =>
    late.abort(new UpstreamFailure('timeout', `${url.host} did not answer within ${limitMs} ms`)),
  )
  try {
    const { statusCode, headers, body } = await request(url, {
      method,
      dispatcher,
      signal: AbortSignal.any([signal, late.signal]),
      headers: {
        'user-agent': 'registry-core',
        'accept-encoding': 'identity',
        ...question.headers,
        ...(authorization !== undefined && { authorization }),
      },
    })
    body.on('error', () => undefined) // whoever reads it sees it too; nobody else need
    const header = (name: string): string | undefined => {
      const found = headers[name]
      return typeof found === 'string' ? found : found?.[0]
    }
    return { status: statusCode, header, body, url, isFromAsked: true }
  } finally {
    stop()
  }
}
