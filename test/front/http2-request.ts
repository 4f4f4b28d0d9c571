import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import { buffer } from 'node:stream/consumers'

import type { RunningNginx } from '../support/nginx.js'

export interface Http2Answer {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader
  readonly body: Buffer
}

/** One request over TLS and HTTP/2, on a connection of its own. */
export async function http2Request(
  { tlsPort, caFile }: RunningNginx,
  headers: http2.OutgoingHttpHeaders,
  body?: AsyncIterable<Uint8Array>,
): Promise<Http2Answer> {
  if (caFile === undefined) throw new Error('this nginx has no TLS listener')
  const session = http2.connect(`https://localhost:${tlsPort}`, { ca: readFileSync(caFile) })
  try {
    const stream = session.request(headers, { endStream: body === undefined })
    const sent = body && send(stream, body)
    const answered = new Promise<Http2Answer['headers']>((resolve, reject) => {
      stream.once('response', resolve)
      stream.once('error', reject)
    })
    const headersOfAnswer = await answered
    const [bytes] = await Promise.all([buffer(stream), sent])
    return { headers: headersOfAnswer, body: bytes }
  } finally {
    session.destroy()
  }
}

/** How one answer over HTTP/2 came to its end. */
export interface Http2Ending {
  readonly status: number | undefined
  readonly received: Buffer
  /** The server said that this was all of it. */
  readonly isWhole: boolean
  /** The error that ended the stream, 0 for none: 2 is the server's INTERNAL_ERROR, 1 would be our own complaint. */
  readonly errorCode: number
}

/** Reads one answer over TLS and HTTP/2 until it ends, or is broken off. */
export async function http2ToItsEnd(
  { tlsPort, caFile }: RunningNginx,
  headers: http2.OutgoingHttpHeaders,
  onData: () => void = () => undefined,
): Promise<Http2Ending> {
  if (caFile === undefined) throw new Error('this nginx has no TLS listener')
  const session = http2.connect(`https://localhost:${tlsPort}`, { ca: readFileSync(caFile) })
  try {
    const stream = session.request(headers)
    const received: Buffer[] = []
    let status: number | undefined
    let isWhole = false
    stream.on('response', (answered) => {
      status = answered[':status']
    })
    stream.on('data', (piece: Buffer) => {
      received.push(piece)
      onData()
    })
    stream.on('end', () => {
      isWhole = !stream.aborted && stream.rstCode === 0
    })
    stream.on('error', () => undefined) // rstCode says which; 'close' follows
    const closed = new Promise<void>((resolve) => stream.once('close', resolve))
    await closed
    return { status, received: Buffer.concat(received), isWhole, errorCode: stream.rstCode ?? 0 }
  } finally {
    session.destroy()
  }
}

/** Stops where an answer overtakes the body, and the server takes no more of it. */
async function send(stream: http2.ClientHttp2Stream, body: AsyncIterable<Uint8Array>): Promise<void> {
  const closed = new AbortController()
  stream.once('close', () => closed.abort())
  try {
    for await (const piece of body) {
      if (stream.closed) return
      if (!stream.write(piece)) await once(stream, 'drain', { signal: closed.signal })
    }
  } catch (error) {
    if (closed.signal.aborted) return
    throw error
  }
  stream.end()
}
