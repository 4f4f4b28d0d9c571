import tls from 'node:tls'
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { errorCode } from '../store/fs.js'
import type { Clock } from '../system/clock.js'
import { ENVELOPE_MEDIA_TYPE } from './envelope.js'
import type { EndpointSettings } from './settings.js'

/** One try to tell an endpoint. */
export interface Post {
  /** @throws Error with a sentence that says why the endpoint did not take it */
  send(body: string, signal: AbortSignal): Promise<void>
  /** Ends its connection. */
  close(): Promise<void>
}

/** So much of an answer is read, so that the connection can be used again. */
const ANSWER_LIMIT_BYTES = 64 * 1024
const REDIRECTS = 3

/** Requests to one endpoint, one at a time, through the proxy that the environment names. */
export function openPost(endpoint: EndpointSettings, clock: Clock): Post {
  const dispatcher = dispatcherFor(new URL(endpoint.url), endpoint.timeoutMs)
  return {
    async send(body, signal) {
      const late = new AbortController()
      const stop = clock.after(endpoint.timeoutMs, () => late.abort())
      try {
        await post(endpoint, body, { dispatcher, signal: AbortSignal.any([signal, late.signal]) })
      } catch (error) {
        if (!late.signal.aborted) throw new Error(sentenceOf(error), { cause: error })
        throw new Error(`no answer within ${endpoint.timeoutMs} ms`, { cause: error })
      } finally {
        stop()
      }
    },
    close: () => dispatcher.destroy(),
  }
}

/**
 * As Distribution, any 2xx will do. A redirect that keeps the method is followed on the same host only, for the
 * headers may hold a secret.
 */
async function post(
  { url, headers }: EndpointSettings,
  body: string,
  { dispatcher, signal }: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
): Promise<void> {
  let at = new URL(url)
  for (let redirects = 0; redirects <= REDIRECTS; redirects += 1) {
    const answer = await request(withoutCredentials(at), {
      ...{ method: 'POST', dispatcher, signal, body },
      headers: [
        ...['content-type', ENVELOPE_MEDIA_TYPE, 'user-agent', 'registry-core'],
        ...credentialsOf(at),
        ...headers.flat(),
      ],
    })
    await answer.body.dump({ limit: ANSWER_LIMIT_BYTES, signal })
    const { statusCode } = answer
    if (statusCode >= 200 && statusCode < 300) return
    const { location } = answer.headers
    if ((statusCode !== 307 && statusCode !== 308) || typeof location !== 'string')
      throw new Error(`it answered ${statusCode}`)
    at = redirected(at, location, statusCode)
  }
  throw new Error(`it redirected more than ${REDIRECTS} times`)
}

function redirected(from: URL, location: string, status: number): URL {
  const to = new URL(location, from)
  const isSameHost = to.origin === from.origin || (to.hostname === from.hostname && to.protocol === 'https:')
  if (!isSameHost)
    throw new Error(
      `it answered ${status} to ${to.host}, another host, which is not followed: name it as url`,
    )
  to.username = from.username
  to.password = from.password
  return to
}

function credentialsOf({ username, password }: URL): readonly string[] {
  if (username === '') return []
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return ['authorization', `Basic ${Buffer.from(pair).toString('base64')}`]
}

function withoutCredentials(url: URL): URL {
  const plain = new URL(url)
  plain.username = ''
  plain.password = ''
  return plain
}

const LOOPBACK = /^(localhost|127\.[0-9.]+|\[::1\])$/

function dispatcherFor({ protocol, hostname }: URL, timeoutMs: number): Dispatcher {
  // Besides Node's own authorities the machine's, where people put their company's.
  const ca = [...tls.getCACertificates('default'), ...tls.getCACertificates('system')]
  const connect = { timeout: timeoutMs, ...(protocol === 'https:' && { ca }) }
  const options = { connections: 1, connect, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
  const isLocal = LOOPBACK.test(hostname) // never through a proxy, as in Go
  return isLocal || !hasProxy()
    ? new Agent(options)
    : new EnvHttpProxyAgent({ ...options, requestTls: connect })
}

function hasProxy(): boolean {
  return ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some((name) => process.env[name])
}

function sentenceOf(error: unknown): string {
  const code = errorCode(error)
  if (!Error.isError(error)) return 'it failed'
  return code === undefined || error.message.includes(code) ? error.message : `${error.message} (${code})`
}
