import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ByteRange, parseByteRange } from '../oci/byte-range.js'
import { RegistryError } from '../oci/failure.js'
import type { DescribedContent, GrowingContent } from '../registry/source.js'
import type { Content, StoredContent } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Answer, AnswerBody } from './answer.js'
import { sendStream } from './stream.js'
import { verifiedWhileRead } from './verified.js'

/** Where an answer goes. */
export interface Outlet {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborted when the client goes; made when it is asked for. */
  readonly signal: () => AbortSignal
  /** The front end is nginx, which can be told to send the file itself. */
  readonly isBehindNginx: boolean
  /** Names and values in turn: what stands in every answer of this request, to which sending adds its own. */
  readonly headers: string[]
  /** Ends a small answer, now or when the client has stopped sending. */
  readonly end: (bytes: Buffer | undefined) => void
}

/** What sending needs to know of the store. */
export interface SendOptions {
  readonly content: Content
  readonly clock: Clock
  /** A client that takes nothing for so long is given up. */
  readonly idleMs: number
}

/**
 * Turns an answer into bytes on the socket; answers how many bytes of body went out. A failure before the first byte
 * is thrown for the edge to answer; after it, the connection is destroyed, so that nothing looks whole that is not.
 */
export function sendAnswer(answer: Answer, outlet: Outlet, options: SendOptions): Promise<number> | number {
  const { body } = answer
  if (body?.kind === 'content') return sendContent(answer, body.content, outlet, options)
  if (body?.kind === 'growing') return sendGrowing(answer, body.content, outlet, options)
  if (body?.kind === 'described') return sendDescribed(answer, body.content, outlet)
  const headers = withAnswerHeaders(outlet, answer)
  if (body?.kind === 'bytes' && body.etag !== undefined) {
    headers.push('ETag', body.etag)
    if (isNotModified(outlet.request, body.etag)) return sendSmall(304, headers, undefined, outlet)
  }
  return sendSmall(answer.status, headers, body && small(body, headers), outlet)
}

type SmallBody = Exclude<AnswerBody, { kind: 'content' | 'growing' | 'described' }>

function small(body: SmallBody, headers: string[]): Buffer {
  switch (body.kind) {
    case 'json':
      headers.push('Content-Type', 'application/json; charset=utf-8')
      return Buffer.from(JSON.stringify(body.value))
    case 'bytes':
      headers.push('Content-Type', body.type)
      return body.bytes
  }
}

function sendSmall(status: number, headers: string[], bytes: Buffer | undefined, outlet: Outlet): number {
  const { request, response } = outlet
  if (status !== 204 && status !== 304) headers.push('Content-Length', `${bytes?.length ?? 0}`)
  response.writeHead(status, headers)
  const sent = request.method === 'HEAD' ? undefined : bytes
  outlet.end(sent)
  return sent?.length ?? 0
}

/** Blobs never run in a browser (attack row 35); the digest in the path makes them cacheable for ever. */
const CONTENT_HEADERS = [
  ...['Content-Type', 'application/octet-stream'],
  ...['Content-Security-Policy', "sandbox; default-src 'none'"],
]
const OWN_HEADERS = [
  ...['Accept-Ranges', 'bytes', 'Cache-Control', 'max-age=31536000', 'Content-Disposition', 'attachment'],
]
/** nginx would copy these from an answer with X-Accel-Redirect for good, also into an error: it renames them itself. */
const ACCEL_HEADERS = [
  ...['X-Entrepot-Cache-Control', 'max-age=31536000', 'X-Entrepot-Content-Disposition', 'attachment'],
]
/** Content of this size is read at once, verified, and kept in memory. */
const SMALL_BYTES = 64 * 1024

async function sendContent(
  answer: Answer,
  content: StoredContent,
  outlet: Outlet,
  options: SendOptions,
): Promise<number> {
  const { request, response } = outlet
  const etag = `"${content.digest}"`
  const headers = withAnswerHeaders(outlet, answer)
  headers.push(...CONTENT_HEADERS, 'Docker-Content-Digest', content.digest, 'ETag', etag)
  const range = askedRange(request, etag, content.sizeBytes)
  const path = frontPath(content, range, outlet, options)
  if (path !== undefined && !isNotModified(request, etag)) {
    headers.push(...ACCEL_HEADERS, 'X-Accel-Redirect', `/_blobs/${path}`)
    return sendSmall(200, headers, undefined, outlet)
  }
  headers.push(...OWN_HEADERS)
  if (isNotModified(request, etag)) return sendSmall(304, headers, undefined, outlet)
  if (request.method === 'HEAD') return sendHead(headers, content.sizeBytes, response)
  if (content.sizeBytes <= SMALL_BYTES && range === undefined)
    return sendSmall(answer.status, headers, await smallContent(content, options), outlet)
  if (range) headers.push('Content-Range', `bytes ${range.first}-${range.last}/${content.sizeBytes}`)
  const { first, last } = range ?? { first: 0, last: content.sizeBytes - 1 }
  headers.push('Content-Length', `${last - first + 1}`)
  const source =
    range || options.content.isHashed(content)
      ? options.content.read(content, first, last, outlet.signal())
      : verifiedWhileRead(content, options.content, outlet.signal())
  return sendStream(
    {
      status: range ? 206 : answer.status,
      headers,
      source,
      sizeBytes: last - first + 1,
      content,
      isOwn: () => true,
    },
    outlet,
    options,
  )
}

/** To a client that asked by HEAD, for something that an upstream has. */
function sendDescribed(answer: Answer, content: DescribedContent, outlet: Outlet): number {
  const headers = withAnswerHeaders(outlet, answer)
  headers.push(...CONTENT_HEADERS, ...OWN_HEADERS)
  headers.push('Docker-Content-Digest', content.digest, 'ETag', `"${content.digest}"`)
  return sendHead(headers, content.sizeBytes, outlet.response)
}

/** While it is being fetched: a range too is answered as the bytes come, and no proxy may gather them first. */
function sendGrowing(
  answer: Answer,
  content: GrowingContent,
  outlet: Outlet,
  options: SendOptions,
): Promise<number> | number {
  const { request } = outlet
  const { digest, sizeBytes } = content
  const etag = `"${digest}"`
  const headers = withAnswerHeaders(outlet, answer)
  headers.push(...CONTENT_HEADERS, ...OWN_HEADERS, 'Docker-Content-Digest', digest, 'ETag', etag)
  if (isNotModified(request, etag)) return sendSmall(304, headers, undefined, outlet)
  if (outlet.isBehindNginx) headers.push('X-Accel-Buffering', 'no')
  const range = sizeBytes === undefined ? undefined : askedRange(request, etag, sizeBytes)
  if (range) headers.push('Content-Range', `bytes ${range.first}-${range.last}/${sizeBytes}`)
  const length = range ? range.last - range.first + 1 : sizeBytes
  if (length !== undefined) headers.push('Content-Length', `${length}`)
  const source = content.read(range?.first ?? 0, range?.last, outlet.signal())
  const status = range ? 206 : answer.status
  const isOwn = (piece: Buffer): boolean => content.isOwn(piece)
  return sendStream(
    { status, headers, source, sizeBytes: length, content: undefined, isOwn },
    outlet,
    options,
  )
}

async function smallContent(content: StoredContent, options: SendOptions): Promise<Buffer> {
  const bytes = await options.content.readVerified(content, SMALL_BYTES)
  if (bytes !== undefined) {
    if (!options.content.isHashed(content)) await options.content.markHashed(content)
    return bytes
  }
  throw new RegistryError('blob-unknown', { digest: content.digest, repository: content.repository })
}

function sendHead(headers: string[], sizeBytes: number, response: ServerResponse): number {
  headers.push('Content-Length', `${sizeBytes}`)
  response.writeHead(200, headers)
  response.end()
  return 0
}

/** Where nginx finds the bytes; undefined when the core sends them, because it must or because nginx could not. */
function frontPath(
  content: StoredContent,
  range: ByteRange | undefined,
  { isBehindNginx, request: { headers, method } }: Outlet,
  options: SendOptions,
): string | undefined {
  if (!isBehindNginx || method !== 'GET' || headers['x-entrepot-no-accel'] === '1') return undefined
  if (CONDITIONS.some((name) => headers[name] !== undefined)) return undefined
  // nginx is given one range that it can satisfy, or none at all.
  if (headers.range !== undefined && (range === undefined || !READ_BY_NGINX.test(headers.range)))
    return undefined
  return options.content.pathForFront(content)
}

/** A range that nginx reads as we do: it counts in 64 bits, and answers 416 with a page of its own beyond them. */
const READ_BY_NGINX = /^bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})$/

/** What nginx would judge by an ETag of its own. */
const CONDITIONS = ['if-range', 'if-match', 'if-unmodified-since']

/** RFC 9110 §14.2: a range counts on GET only, and not when `If-Range` names something else. */
function askedRange(request: IncomingMessage, etag: string, sizeBytes: number): ByteRange | undefined {
  const { headers, method } = request
  if (headers.range === undefined || method !== 'GET') return undefined
  const condition = headers['if-range']
  if (condition !== undefined && condition !== etag) return undefined
  const range = parseByteRange(headers.range, sizeBytes)
  if (range === 'unsatisfiable')
    throw new RegistryError('range-unsatisfiable', { range: headers.range.slice(0, 100), sizeBytes })
  return range
}

/** RFC 9110 §13.1.2, by weak comparison. */
function isNotModified(request: IncomingMessage, etag: string): boolean {
  const condition = request.headers['if-none-match']
  if (condition === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return false
  return condition === '*' || condition.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}

function withAnswerHeaders({ headers }: Outlet, answer: Answer): string[] {
  if (answer.headers) for (const name in answer.headers) headers.push(name, answer.headers[name] ?? '')
  return headers
}
