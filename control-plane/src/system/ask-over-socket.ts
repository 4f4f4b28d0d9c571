import { request } from 'node:http'
import { text } from 'node:stream/consumers'

import { errorCode } from './error-code.js'

interface Question {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  /** The deadline of the whole, from the connection to the last byte: `AbortSignal.timeout(ms)` where there is no other. */
  readonly signal: AbortSignal
}

/** A whole answer, of any status. */
export interface SocketAnswer {
  readonly status: number
  readonly text: string
}

/** No such file, or the file of a process that has ended. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED'])

/**
 * Asks a part of the box over its unix socket, on a connection of its own. `undefined`: nobody listens there.
 * Rejects when whoever listens does not answer whole, or not before the signal.
 */
export async function askOverSocket(
  socketPath: string,
  { method = 'GET', path, signal }: Question,
): Promise<SocketAnswer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<SocketAnswer | undefined>()
  const headers = { host: 'localhost', connection: 'close' } // nginx wants a name
  const asked = request({ socketPath, path, method, headers, agent: false, signal }, (response) => {
    text(response).then((said) => resolve({ status: response.statusCode ?? 0, text: said }), reject)
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
