import type { IncomingMessage, ServerResponse } from 'node:http'
import { RegistryError } from '../oci/failure.js'
import type { Served } from '../registry/source.js'
import type { Load } from '../system/metrics.js'
import type { Random } from '../system/random.js'
import type { ListenerView } from '../views/place.js'
import type { Answer } from './answer.js'
import { type BodyOptions, isClientGone, RequestBody } from './body.js'
import { type Parts, type Peer, RequestContext } from './context.js'
import { dispatch, identify } from './dispatch.js'
import { errorAnswer } from './errors.js'
import { endingOf, endLate } from './linger.js'
import { type Outlet, sendAnswer, type SendOptions } from './send.js'
import { belowPrefix, type Call, parseTarget } from './target.js'
import { challengeHeaders } from './www-authenticate.js'

/** What holds for every request of a listener. */
export interface ListenerRules {
  readonly view: ListenerView
  /** Its place among the listeners. */
  readonly listener: number
  /** nginx stands in front and overwrites the headers that it owns. */
  readonly isBehindNginx: boolean
}

/** How a request went, for the access log and the metrics. */
export interface Outcome {
  readonly request: Pick<IncomingMessage, 'method' | 'url' | 'headers'>
  readonly peer: Peer
  readonly call: Call | undefined
  /** 499 when the client left before there was an answer. */
  readonly status: number
  readonly bytesOut: number
  readonly bytesIn: number
  readonly durationMs: number
  /** `ok`, a failure of the closed list, a system error's code, `client-gone`, `cut`. */
  readonly outcome: string
  /** Where the answer was from, and whether it lay here. */
  readonly served: Served
  /** What was thrown, when it was a bug or a broken backend. */
  readonly error: unknown
}

export interface HandlerOptions {
  readonly parts: Parts
  readonly random: Random
  readonly body: BodyOptions
  readonly send: SendOptions
  /** Names and values in turn: what stands in every answer. */
  readonly headers: readonly string[]
  readonly isDraining: () => boolean
  /** The path that the API stands below (`/hub`); empty for none. */
  readonly prefix: string
  /** What stands between a client and every answer: the first health check that fails, if any. */
  readonly failingCheck: () => { readonly check: string; readonly why: string } | undefined
  /** Kept up to date here, read by the metrics. */
  readonly load: Load
  readonly report: (outcome: Outcome) => void
}

/** One request: target → call → endpoint → answer. The one try and catch of the edge. */
export async function handleRequest(
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse },
  rules: ListenerRules,
  options: HandlerOptions,
): Promise<void> {
  const { request, response } = exchange
  const started = options.parts.clock.elapsedMs()
  const peer = peerOf(request, rules, options)
  const { load } = options
  load.requests += 1
  const body = new RequestBody(request, options.body, () => {
    load.uploads += 1
    if (request.headers.expect !== undefined) response.writeContinue()
  })
  const context = new RequestContext(options.parts, exchange, body, peer)
  const outlet = { ...exchange, isBehindNginx: rules.isBehindNginx, body, context, options }
  let call: Call | undefined
  let result: Result
  try {
    checkHeaders(request)
    call = parseTarget(request.url ?? '', options.prefix)
    const failing = call.kind === 'healthz' || call.kind === 'readyz' ? undefined : options.failingCheck()
    if (failing) throw new RegistryError('health-failing', failing)
    const { authorization } = request.headers
    context.place = options.parts.views.place(rules.view, request.headers)
    if (authorization !== undefined && isGuarded(call)) await identify(context, authorization)
    const answer = await dispatch(call, context)
    const bytesOut = await send(answer, [], outlet)
    result = { outcome: 'ok', status: response.statusCode, bytesOut } // sending makes a 206 or a 304 of a 200
    // Not of one who had it already: 304.
    if (answer.pulled !== undefined && response.statusCode < 300)
      options.parts.registry.notePull(answer.pulled, () => context.actor)
  } catch (error) {
    result = await afterError(error, call, outlet)
  }
  load.requests -= 1
  if (body.isStarted) load.uploads -= 1
  options.report({
    request,
    peer,
    call,
    status: result.status,
    bytesOut: result.bytesOut,
    bytesIn: body.receivedBytes,
    durationMs: options.parts.clock.elapsedMs() - started,
    outcome: result.outcome,
    served: context.served,
    error: result.error,
  })
}

/** What anybody may ask is not refused for a header; `/token` judges it itself. */
function isGuarded(call: Call): boolean {
  return 'repository' in call || call.kind === 'version' || call.kind === 'catalog'
}

type Result = Pick<Outcome, 'status' | 'bytesOut' | 'outcome'> & { readonly error?: unknown }

interface Sending {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly isBehindNginx: boolean
  readonly body: RequestBody
  readonly context: RequestContext
  readonly options: HandlerOptions
}

function send(answer: Answer, further: readonly string[], sending: Sending): Promise<number> | number {
  const { options, body, context, request, response } = sending
  const { origin, cache } = context.served
  const headers = [...options.headers]
  headers.push('X-Entrepot-Origin', origin, 'X-Cache', cache, 'X-Request-Id', context.peer.requestId)
  headers.push(...further)
  const { isBehindNginx } = sending
  const { account } = context.peer.caller
  if (isBehindNginx && account !== '') headers.push('X-Entrepot-Account', encodeURI(account)) // for its log alone
  const ending = endingOf(body, request, { isDraining: options.isDraining(), isBehindNginx })
  if (ending !== 'keep') headers.push('Connection', 'close')
  if (!body.isOver) body.discard()
  const outlet: Outlet = {
    request,
    response,
    isBehindNginx,
    headers,
    signal: context.signal,
    end: (bytes) => {
      if (ending === 'linger') endLate(sending, bytes, options.parts.clock)
      else response.end(bytes)
    },
  }
  const { prefix } = options
  const whole =
    prefix === '' || !answer.headers ? answer : { ...answer, headers: belowPrefix(answer.headers, prefix) }
  return sendAnswer(whole, outlet, options.send)
}

async function afterError(error: unknown, call: Call | undefined, sending: Sending): Promise<Result> {
  const { request, response, context } = sending
  if (isClientGone(error) || response.destroyed) {
    response.destroy()
    return { outcome: 'client-gone', status: response.headersSent ? response.statusCode : 499, bytesOut: 0 }
  }
  if (response.headersSent) {
    response.destroy()
    return { outcome: 'cut', status: response.statusCode, bytesOut: 0, error }
  }
  const { answer, outcome, isBug } = errorAnswer(error, context.method, call)
  const cause = isBug || answer.status >= 500 ? { error } : {}
  try {
    const headers = answer.status === 401 ? challenge(error, call, sending) : []
    const bytesOut = await send(answer, headers, sending)
    return { outcome, status: answer.status, bytesOut, ...cause }
  } catch (second) {
    request.destroy()
    return {
      outcome: isClientGone(second) ? 'client-gone' : outcome,
      status: answer.status,
      bytesOut: 0,
      error: second,
    }
  }
}

function challenge(error: unknown, call: Call | undefined, sending: Sending): readonly string[] {
  const { request, isBehindNginx, options } = sending
  return challengeHeaders(options.parts.access, { request, call, error, isBehindNginx })
}

/** What node's parser lets through and no proxy agrees on (attack rows 15, 17). */
function checkHeaders(request: IncomingMessage): void {
  const { rawHeaders, httpVersion } = request
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    throw new RegistryError('target-malformed', { why: `HTTP/${httpVersion} is not spoken here` })
  const hosts = countHeaders(rawHeaders, 'host')
  if (hosts > 1 || (hosts === 0 && request.httpVersionMinor > 0))
    throw headerCount('Host', hosts === 0 ? '' : 'two of them', 'exactly one')
  // Node would take the first one of them, and somebody else the last.
  if (request.headers.authorization !== undefined && countHeaders(rawHeaders, 'authorization') > 1)
    throw headerCount('Authorization', 'two of them', 'one at most')
}

function countHeaders(rawHeaders: readonly string[], wanted: string): number {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length === wanted.length && name.toLowerCase() === wanted) count += 1
  }
  return count
}

function headerCount(header: string, found: string, allowed: string): RegistryError {
  return new RegistryError('header-malformed', { header, found, allowed })
}

const REQUEST_ID_SHAPE = /^[A-Za-z0-9-]{8,64}$/

function peerOf(
  request: IncomingMessage,
  { listener, isBehindNginx }: ListenerRules,
  { random, parts }: HandlerOptions,
): Peer {
  const { 'x-request-id': id, 'x-real-ip': address } = isBehindNginx ? request.headers : {}
  return {
    requestId: typeof id === 'string' && REQUEST_ID_SHAPE.test(id) ? id : random.uuid(),
    remoteAddress: typeof address === 'string' ? address : (request.socket.remoteAddress ?? ''),
    listener,
    isBehindNginx,
    caller: parts.access.anonymous(listener),
  }
}
