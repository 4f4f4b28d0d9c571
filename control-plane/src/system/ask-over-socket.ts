import { type IncomingMessage, request } from 'node:http'

import { errorCode } from './error-code.js'

interface Question {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  /** The deadline of the whole, from the connection to the last byte: `AbortSignal.timeout(ms)` where there is no other. */
  readonly signal: AbortSignal
  /** A longer answer is none. */
  readonly mostBytes?: number
}

/** A whole answer, of any status. */
export interface SocketAnswer {
  readonly status: number
  readonly text: string
}

/** No such file, or the file of a process that has ended. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED'])

/** More than any part has to say; what is told without an end must not fill our memory. */
const MOST_BYTES = 64 * 1024 * 1024

/**
 * Asks a part of the box over its unix socket, on a connection of its own. `undefined`: nobody listens there.
 * Rejects when whoever listens does not answer whole, or not before the signal.
 */
export async function askOverSocket(
  socketPath: string,
  { method = 'GET', path, signal, mostBytes = MOST_BYTES }: Question,
): Promise<SocketAnswer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<SocketAnswer | undefined>()
  const headers = { host: 'localhost', connection: 'close' } // nginx wants a name
  const asked = request({ socketPath, path, method, headers, agent: false, signal }, (response) => {
    readText(response, mostBytes).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject)
  })
  asked.on('error', (error) => {
    if (NOBODY.has(errorCode(error) ?? '')) resolve(undefined)
    else reject(error)
  })
  asked.end()
  try {
    return await promise
  } catch (error) {
    throw signal.aborted ? signal.reason : error // "aborted" alone says nothing of time
  }
}

async function readText(response: IncomingMessage, mostBytes: number): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > mostBytes) throw new Error(`it says more than ${mostBytes} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
