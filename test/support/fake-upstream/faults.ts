import { gzipSync } from 'node:zlib'

import { digestOf } from '../images.js'
import { errorReply, type Reply } from './reply.js'
import { matches, type RequestFilter, type RequestKind, type SeenRequest } from './seen-requests.js'

/** What goes wrong. Several may befall one request: each works on what the one before left. */
export type Fault =
  /** Takes the request and says nothing. */
  | 'hang'
  /** Resets the connection instead of an answer. */
  | 'reset'
  /** 200, and a page of HTML, as hotels answer. */
  | 'login-page'
  /** Bytes of the right length, one of them another. */
  | 'wrong-body'
  /** The digest of something else in Docker-Content-Digest. */
  | 'wrong-digest-header'
  | 'no-digest-header'
  /** Chunked, where a Content-Length belongs. */
  | 'no-length'
  /** Answers a Range with 200 and all of it. */
  | 'no-ranges'
  /** After the body more of it, for ever, in chunks. */
  | 'endless'
  /** Packed although nobody asked for it, and said so in Content-Encoding. */
  | 'gzip'
  /** Some answer with this status and an error in OCI's words; `headers` such as Retry-After. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly headers: Readonly<Record<string, string>> }
  /** So many bytes more (or less) than it promises in Content-Length. */
  | { readonly lengthOffBy: number }
  /** Resets the connection after so many bytes of the body, of which the last may be lost on their way. */
  | { readonly cutAfter: number }
  /** Ends the connection in order after so many bytes of the body. */
  | { readonly endAfter: number }
  /** Says no more after so many bytes of the body. */
  | { readonly stallAfter: number }
  | { readonly bytesPerSecond: number }
  /** So much later than the others. */
  | { readonly delayMs: number }
  | { readonly redirect: string | ((seen: SeenRequest) => string); readonly status?: number }
  /** These bytes on the wire, then the end of the connection: for what no HTTP server can be made to say. */
  | { readonly raw: string }
  /** No fault in itself: what happens when the answer is out. */
  | { readonly afterwards: () => void }

export interface FaultRule {
  /** Requests that it befalls; all when missing. */
  readonly on?: RequestKind
  /** The others of these requests are spared. */
  readonly where?: RequestFilter
  /** How often; until it is healed when missing. */
  readonly times?: number
  readonly how: Fault
}

/** Which faults are in force. */
export class FaultScript {
  readonly #rules = new Set<{ readonly rule: FaultRule; left: number }>()

  /** Answers what ends it. */
  add(rule: FaultRule): () => void {
    const entry = { rule, left: rule.times ?? Number.POSITIVE_INFINITY }
    this.#rules.add(entry)
    return () => void this.#rules.delete(entry)
  }

  clear(): void {
    this.#rules.clear()
  }

  /** The faults that befall this request, in the order of their making; each use counts. */
  take(seen: SeenRequest, wanted: (fault: Fault) => boolean): readonly Fault[] {
    return [...this.#rules].flatMap((entry) => {
      const { on, where = {}, how } = entry.rule
      if (entry.left === 0 || !wanted(how)) return []
      if ((on !== undefined && on !== seen.kind) || !matches(seen, where)) return []
      entry.left--
      return [how]
    })
  }
}

/** Faults of the server itself, which strike before it looks at what is asked and by whom. */
export function isOfServer(fault: Fault): boolean {
  return fault === 'hang' || fault === 'reset' || (typeof fault === 'object' && 'delayMs' in fault)
}

const LOGIN_PAGE = '<!DOCTYPE html><html><title>Welcome</title><form>Please log in</form></html>'

/** What becomes of an answer under a fault that shows in it; of one that shows in the sending alone, the same. */
export function spoil(reply: Reply, fault: Fault, seen: SeenRequest): Reply {
  if (typeof fault === 'string') return spoilWord(reply, fault)
  if ('redirect' in fault) {
    const location = typeof fault.redirect === 'string' ? fault.redirect : fault.redirect(seen)
    return {
      status: fault.status ?? 307,
      headers: { location, 'content-length': '0' },
      body: Buffer.alloc(0),
    }
  }
  if ('status' in fault) return errorReply(fault.status, codeOf(fault.status), fault.headers)
  if ('headers' in fault) return withHeaders(reply, fault.headers)
  if ('lengthOffBy' in fault)
    return withHeaders(reply, { 'content-length': String(reply.body.length + fault.lengthOffBy) })
  return reply
}

function spoilWord(reply: Reply, fault: Extract<Fault, string>): Reply {
  switch (fault) {
    case 'login-page': {
      const body = Buffer.from(LOGIN_PAGE)
      const headers = { 'content-type': 'text/html', 'content-length': String(body.length) }
      return { status: 200, headers, body }
    }
    case 'wrong-body':
      return { ...reply, body: flipped(reply.body) }
    case 'wrong-digest-header':
      return withHeaders(reply, { 'docker-content-digest': digestOf(Buffer.from('something else')) })
    case 'no-digest-header':
      return without(without(reply, 'docker-content-digest'), 'etag')
    case 'no-length':
    case 'endless':
      return without(reply, 'content-length')
    case 'gzip': {
      const body = gzipSync(reply.body)
      return withHeaders(
        { ...reply, body },
        { 'content-encoding': 'gzip', 'content-length': String(body.length) },
      )
    }
    case 'hang':
    case 'reset':
    case 'no-ranges':
      return reply
  }
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const middle = copy.length >> 1
  copy.writeUInt8(copy.readUInt8(middle) ^ 0xff, middle)
  return copy
}

function withHeaders(reply: Reply, headers: Readonly<Record<string, string>>): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } }
}

function without(reply: Reply, name: string): Reply {
  return {
    ...reply,
    headers: Object.fromEntries(Object.entries(reply.headers).filter(([key]) => key !== name)),
  }
}

const CODES: Readonly<Record<number, string>> = {
  401: 'UNAUTHORIZED',
  403: 'DENIED',
  404: 'MANIFEST_UNKNOWN',
  405: 'UNSUPPORTED',
  429: 'TOOMANYREQUESTS',
}

function codeOf(status: number): string {
  return CODES[status] ?? 'UNKNOWN'
}
