import type { Socket } from 'node:net'

import { systemClock } from '#core/system/clock.js'

/** One answer as it stood on the wire. */
export interface RawAnswer {
  readonly status: number
  /** Header lines as they came, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The body, out of its chunks if it came in chunks. */
  readonly body: Buffer
  header(name: string): string | undefined
}

/** Everything that came back on one connection. */
export interface RawExchange {
  readonly answers: readonly RawAnswer[]
  /** The server ended the connection (else it was still open when the wait was over). */
  readonly closed: boolean
  readonly received: Buffer
}

export interface RawOptions {
  /** The methods of the requests sent, since the answer to a HEAD has no body. */
  readonly methods?: readonly string[]
  /** Stop listening once so many answers have come; without it, until the server closes or `waitMs` is over. */
  readonly answers?: number
  readonly waitMs?: number
}

/**
 * Sends bytes exactly as given, and reads answers until the server closes, enough have come, or the time is over. This
 * is for what a decent HTTP client refuses to send.
 */
export async function sendRaw(
  socket: Socket,
  request: string | Uint8Array | AsyncIterable<Uint8Array>,
  { methods = ['GET'], answers: wanted = Number.POSITIVE_INFINITY, waitMs = 5000 }: RawOptions = {},
): Promise<RawExchange> {
  const received: Buffer[] = []
  let closed = false
  const enough = Promise.withResolvers<void>()
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk)
    if (parseAnswers(Buffer.concat(received), methods).length >= wanted) enough.resolve()
  })
  socket.on('error', () => undefined) // a reset is an answer too: 'close' follows
  socket.on('close', () => {
    closed = true
    enough.resolve()
  })
  socket.on('end', () => {
    closed = true
    enough.resolve()
  })
  void write(socket, request)
  const over = new AbortController()
  await Promise.race([enough.promise, systemClock.sleep(waitMs, over.signal).catch(() => undefined)])
  over.abort()
  socket.destroy()
  const bytes = Buffer.concat(received)
  return { answers: parseAnswers(bytes, methods), closed, received: bytes }
}

async function write(
  socket: Socket,
  request: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  if (typeof request === 'string') {
    socket.write(Buffer.from(request, 'latin1'))
    return
  }
  if (request instanceof Uint8Array) {
    socket.write(request)
    return
  }
  for await (const piece of request) {
    if (socket.destroyed) return
    if (!socket.write(piece)) await drained(socket)
  }
}

async function drained(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.once('drain', done).once('close', done)
  })
}

/** A request text out of its lines: CRLF between them and an empty line at the end. */
export function lines(...text: readonly string[]): string {
  return `${text.join('\r\n')}\r\n\r\n`
}

/** The complete answers in what came; exported for its test. A `100 Continue` is not an answer. */
export function parseAnswers(bytes: Buffer, methods: readonly string[]): readonly RawAnswer[] {
  const answers: RawAnswer[] = []
  let at = 0
  for (;;) {
    const found = parseAnswer(bytes, at, methods[answers.length] ?? 'GET')
    if (found === undefined) return answers
    at = found.end
    if (found.answer.status >= 200) answers.push(found.answer)
  }
}

function parseAnswer(
  bytes: Buffer,
  at: number,
  method: string,
): { answer: RawAnswer; end: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n', at)
  if (headEnd < 0) return undefined
  const [statusLine = '', ...headerLines] = bytes.toString('latin1', at, headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1])
  if (Number.isNaN(status)) throw new Error(`not an answer: ${statusLine}`)
  const headers = headerLines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  const header = (name: string): string | undefined => headers.find(([key]) => key === name)?.[1]
  const framed = parseBody(bytes, headEnd + 4, { method, status, header })
  return framed && { answer: { status, headers, header, body: framed.body }, end: framed.end }
}

interface Head {
  readonly method: string
  readonly status: number
  header(name: string): string | undefined
}

function parseBody(bytes: Buffer, from: number, head: Head): { body: Buffer; end: number } | undefined {
  if (head.method === 'HEAD' || head.status < 200 || head.status === 204 || head.status === 304) {
    return { body: Buffer.alloc(0), end: from }
  }
  if (head.header('transfer-encoding') === 'chunked') return parseChunks(bytes, from)
  const length = head.header('content-length')
  const end = length === undefined ? bytes.length : from + Number(length)
  return end > bytes.length ? undefined : { body: bytes.subarray(from, end), end }
}

function parseChunks(bytes: Buffer, from: number): { body: Buffer; end: number } | undefined {
  const parts: Buffer[] = []
  let at = from
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (Number.isNaN(size) || end > bytes.length) return undefined
    if (size === 0) return { body: Buffer.concat(parts), end }
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = end
  }
}
