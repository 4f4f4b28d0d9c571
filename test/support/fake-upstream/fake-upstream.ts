import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import https from 'node:https'

import { systemClock } from '#core/system/clock.js'
import type { Certificates } from '../certificates.js'
import { deliver, paceOf } from './deliver.js'
import { type Fault, type FaultRule, FaultScript, isOfServer, spoil } from './faults.js'
import { Holdings } from './holdings.js'
import { errorReply, type Reply, replyFrom } from './reply.js'
import { matches, type RequestFilter, see, type SeenRequest } from './seen-requests.js'
import { type Accounts, mayPull, Tokens, userOf } from './tokens.js'

export interface FakeUpstreamOptions {
  /** Where it listens; 127.0.0.1 unless said otherwise. */
  readonly address?: string
  /** HTTPS with this certificate. */
  readonly tls?: Pick<Certificates, 'certificate' | 'key'>
  /** How clients show who they are; open to all when missing. */
  readonly auth?: 'basic' | 'bearer'
  /** The token service: our own `/token` when missing. */
  readonly issuer?: FakeUpstream
  /** What the challenge says in place of the issuer's address. */
  readonly realm?: string
  readonly users?: Accounts['users']
  readonly privateRepositories?: Accounts['privateRepositories']
  readonly tokenTtlSeconds?: number
}

/**
 * A registry far away, scripted by a test: it holds images, counts who asks for what, and fails when it is told to. A
 * request without the credentials that it needs is challenged as ever, and uses up no fault.
 */
export class FakeUpstream extends Holdings {
  /** Before each answer. */
  latencyMs = 0
  /** Of each answer by itself. */
  bytesPerSecond = Number.POSITIVE_INFINITY
  /** Bytes of bodies of blobs that have left. */
  blobBytes = 0
  /** Every request in order of arrival. */
  requests: SeenRequest[] = []
  /** The most blobs that were under way at once. */
  peakDownloads = 0
  readonly tokens: Tokens
  readonly #options: FakeUpstreamOptions
  readonly #accounts: Accounts
  readonly #faults = new FaultScript()
  #server: Server
  #port = 0
  #downloads = 0

  private constructor(options: FakeUpstreamOptions) {
    super()
    this.#options = options
    this.#accounts = { users: options.users ?? {}, privateRepositories: options.privateRepositories ?? [] }
    this.tokens = new Tokens(this.#accounts, options.tokenTtlSeconds ?? 300)
    this.#server = this.#makeServer()
  }

  /** Listens on a free port. */
  static async start(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
    const upstream = new FakeUpstream(options)
    await upstream.up()
    return upstream
  }

  get #address(): string {
    return this.#options.address ?? '127.0.0.1'
  }

  get port(): number {
    return this.#port
  }

  /** As in `http://127.0.0.1:40123`. */
  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://${this.#address}:${this.#port}`
  }

  /** Something goes wrong from now on; answers what mends it. */
  fail(rule: FaultRule): () => void {
    return this.#faults.add(rule)
  }

  /** Nothing goes wrong any more. */
  heal(): void {
    this.#faults.clear()
  }

  count(filter: RequestFilter = {}): number {
    return this.requests.filter((seen) => matches(seen, filter)).length
  }

  /** Its storage on another path, where redirects may lead: no credential is needed, and one that comes is refused. */
  elsewhere({ repository, reference }: SeenRequest): string {
    return `${this.url}/elsewhere/${repository}/${reference}`
  }

  /** Nobody listens any more: connections are refused. */
  async down(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  /** Listens (again), on the same port. */
  async up(): Promise<void> {
    if (this.#server.listening) return
    this.#server = this.#makeServer()
    this.#server.listen(this.#port, this.#address)
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('an upstream without a port')
    this.#port = address.port
  }

  async close(): Promise<void> {
    await this.down()
  }

  #makeServer(): Server {
    const { tls } = this.#options
    const listener = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(request, response)
    const settings = { keepAliveTimeout: 60_000 }
    if (tls === undefined) return http.createServer(settings, listener)
    const pem = { cert: readFileSync(tls.certificate), key: readFileSync(tls.key) }
    return https.createServer({ ...settings, ...pem }, listener)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume()
    const seen = see(request)
    this.requests.push(seen)
    const early = this.#faults.take(seen, isOfServer)
    await systemClock.sleep(this.latencyMs + sum(early.map(delayOf)))
    if (early.includes('hang')) return
    if (early.includes('reset')) return void response.socket?.resetAndDestroy()
    const challenge = this.#challenge(seen)
    const faults = challenge ? [] : this.#faults.take(seen, (fault) => !isOfServer(fault))
    if (this.#isRaw(response, faults)) return
    let reply = challenge ?? this.#answer(seen, faults)
    for (const fault of faults) reply = spoil(reply, fault, seen)
    seen.status = reply.status
    const isDownload = seen.method === 'GET' && (seen.kind === 'blob' || seen.kind === 'elsewhere')
    if (isDownload) this.#watchDownload(response)
    await deliver(response, reply, {
      pace: paceOf(faults, this.bytesPerSecond),
      count: (bytes) => {
        if (isDownload) this.blobBytes += bytes
      },
    })
    for (const fault of faults) if (typeof fault === 'object' && 'afterwards' in fault) fault.afterwards()
  }

  #watchDownload(response: ServerResponse): void {
    this.#downloads += 1
    this.peakDownloads = Math.max(this.peakDownloads, this.#downloads)
    const over = once(response, 'finish').catch(() => undefined)
    const left = once(response, 'close')
    void Promise.race([over, left]).then(() => {
      this.#downloads -= 1
    })
  }

  #answer(seen: SeenRequest, faults: readonly Fault[]): Reply {
    if (seen.kind === 'token') return this.tokens.issue(seen)
    if (seen.kind === 'elsewhere' && seen.headers.authorization !== undefined)
      return errorReply(400, 'UNSUPPORTED')
    return replyFrom(this, faults.includes('no-ranges') ? { ...seen, range: undefined } : seen)
  }

  /** The 401 for who does not show what he may; undefined for everybody else. */
  #challenge(seen: SeenRequest): Reply | undefined {
    const { auth, issuer = this, realm = `${issuer.url}/token` } = this.#options
    if (auth === undefined || seen.kind === 'token' || seen.kind === 'elsewhere') return undefined
    const { repository } = seen
    if (auth === 'basic') {
      const user = userOf(seen.headers, this.#accounts)
      if (user !== '' && mayPull(this.#accounts, user, repository)) return undefined
      return errorReply(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="fake upstream"' })
    }
    if (issuer.tokens.allows(seen)) return undefined
    const scope = repository === '' ? '' : `,scope="repository:${repository}:pull"`
    const challenge = `Bearer realm="${realm}",service="fake.upstream"${scope}`
    return errorReply(401, 'UNAUTHORIZED', { 'www-authenticate': challenge })
  }

  #isRaw(response: ServerResponse, faults: readonly Fault[]): boolean {
    const raw = faults.find((fault) => typeof fault === 'object' && 'raw' in fault)
    if (typeof raw !== 'object' || !('raw' in raw)) return false
    response.socket?.end(raw.raw, 'latin1')
    return true
  }
}

function delayOf(fault: Fault): number {
  return typeof fault === 'object' && 'delayMs' in fault ? fault.delayMs : 0
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
