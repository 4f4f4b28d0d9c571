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
