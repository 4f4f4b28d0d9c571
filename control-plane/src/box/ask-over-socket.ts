import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'

const ANSWERS_WITHIN_MS = 2000

/** What nginx says to registry-core on this socket: without it, nobody is answered. */
const AS_NGINX = { 'x-entrepot-view': 'registry' }

/** The status of a GET over a unix socket of ours; `undefined` when nobody answers there, or too late. */
export async function askOverSocket(socketPath: string, target: string): Promise<number | undefined> {
  const request = http.get({
    socketPath,
    path: target,
    agent: false,
    headers: AS_NGINX,
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
