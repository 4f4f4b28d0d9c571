import { type IncomingMessage, STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Failure } from '../oci/failure.js'
import { errorCode } from '../store/fs.js'
import type { Clock } from '../system/clock.js'
import { errorBody, errorStatus } from './errors.js'

/** What was refused before it was a request. */
export interface Refusal {
  readonly remoteAddress: string
  readonly status: number
  /** The parser's own code. */
  readonly why: string
}

/**
 * Answers what node's parser refused, on the bare socket: there is no request to answer. Anything already on its way
 * on the connection is left as it is, and the connection destroyed. Undefined when there was nobody to answer.
 */
export function answerParserError(
  error: Error,
  socket: Socket,
  current: ServerResponse | undefined,
): Refusal | undefined {
  const isAnswered = current !== undefined && current.headersSent && !current.writableFinished
  if (errorCode(error) === 'ECONNRESET' || !socket.writable || isAnswered) {
    socket.destroy()
    return undefined
  }
  const answer = refusal(errorCode(error))
  const { remoteAddress = '' } = socket
  endWith(socket, answer)
  return { remoteAddress, status: answer.status, why: errorCode(error) ?? 'unknown' }
}

/** What follows on a connection that was refused is thrown away so long, or a reset would overtake the answer. */
const LINGER_MS = 1000

/** Somebody speaks HTTP where TLS is spoken: told in the words of registry:2, that people search for. */
export function refusePlainHttp(socket: Socket, clock: Clock): Refusal {
  const { remoteAddress = '' } = socket
  const answer = row('tls-expected', {})
  endWith(socket, answer, () => undefined)
  socket.resume()
  const stopTimer = clock.after(LINGER_MS, () => socket.destroy())
  socket.once('close', stopTimer)
  return { remoteAddress, status: answer.status, why: 'plain HTTP' }
}

/** CONNECT asks for a tunnel: there is none through a registry. */
export function refuseTunnel(socket: Duplex): void {
  endWith(socket, row('method-unsupported', { method: 'CONNECT', allowed: 'GET, HEAD' }))
}

/** No expectation but `100-continue` is known (RFC 9110 §10.1.1). */
export function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  const found = request.headers.expect ?? ''
  const body = errorBody('header-malformed', { header: 'Expect', found, allowed: '100-continue' })
  response.writeHead(417, { 'Content-Type': 'application/json; charset=utf-8', Connection: 'close' })
  response.end(body)
}

function endWith(
  socket: Duplex,
  { status, body }: { readonly status: number; readonly body: string },
  afterwards: () => void = () => socket.destroy(),
): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Docker-Distribution-Api-Version: registry/2.0',
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, afterwards)
}

function refusal(code: string | undefined): { readonly status: number; readonly body: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return row('header-malformed', { header: 'in all', found: 'too much', allowed: '80 KiB' }, 431)
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return row('body-too-large', { limitBytes: 16 * 1024 })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return row('request-timeout', { seconds: 60 })
    default:
      return row('target-malformed', { why: 'this is not HTTP/1.1 as RFC 9112 has it' })
  }
}

function row<F extends Failure>(
  failure: F,
  detail: Parameters<typeof errorBody<F>>[1],
  status = errorStatus(failure),
): { readonly status: number; readonly body: string } {
  return { status, body: errorBody(failure, detail) }
}
