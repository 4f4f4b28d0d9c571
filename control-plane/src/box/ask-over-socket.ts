import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'

const ANSWERS_WITHIN_MS = 2000

/** The status of a GET over a unix socket; `undefined` when nobody answers there, or too late. */
export async function askOverSocket(socketPath: string, target: string): Promise<number | undefined> {
  const request = http.get({
    socketPath,
    path: target,
    agent: false,
    signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
  })
  try {
    const [answer]: IncomingMessage[] = await once(request, 'response')
    answer?.resume()
    return answer?.statusCode
  } catch {
    return undefined // no such socket yet, or nobody behind it
  } finally {
    request.destroy()
  }
}
