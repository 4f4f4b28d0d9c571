import { connect, isIP, type Socket } from 'node:net'
import { connect as connectSecurely, type TLSSocket } from 'node:tls'
import type { Reference } from '../../oci/reference.js'
import { referenceText } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import type { UpstreamSettings } from '../mirror-settings.js'
import type { RateLimit } from '../watched/rate-limit.js'
import { openAddressGuard } from './address-guard.js'
import { answerFailure } from './answer-failure.js'
import { authorities } from './authorities.js'
import { parseChallenges } from './challenge.js'
import { openClient } from './client.js'
import { openCredentials } from './credentials.js'
import { openPace } from './transfers.js'
import { openLogin } from './login.js'
import { resolveManifest } from './manifests.js'
import { guardedLookup, openResolve } from './name-servers.js'
import { connectionFailure } from './network-failure.js'
import { type Environment, findProxy } from './proxies.js'
import { TIMEOUTS } from './timeouts.js'
import { isUpstreamFailure, UpstreamFailure } from './upstream-failure.js'
import { openUrlOrder } from './url-order.js'
import { drain, openWire } from './wire.js'

/** One step on the way to an image. */
export interface ProbeStep {
  readonly step: 'DNS' | 'TCP' | 'TLS' | '/v2/' | 'token' | 'manifest'
  readonly isFine: boolean
  /** What was found, or what is wrong and what helps. */
  readonly sentence: string
}

export interface ProbedImage {
  readonly repository: RepositoryName
  readonly reference: Reference
}

interface Options {
  readonly clock: Clock
  readonly environment: Environment
}

/** Each step of a pull by itself, at one URL of an upstream; the first that fails is the last. */
export async function probeUrl(
  settings: UpstreamSettings,
  url: URL,
  image: ProbedImage | undefined,
  options: Options,
): Promise<readonly ProbeStep[]> {
  const proxy = findProxy(url, settings.proxy, options.environment)
  const dialled = new Dialled(settings, proxy ?? url, proxy !== undefined, options)
  const asked = new ProbedUpstream(settings, url, options)
  const steps: (readonly [ProbeStep['step'], () => Promise<string>])[] = [
    ['DNS', () => dialled.resolve()],
    ['TCP', () => dialled.connect()],
    ...((proxy ?? url).protocol === 'https:' ? [['TLS', () => dialled.handshake()] as const] : []),
    ['/v2/', () => asked.ping()],
    ...(image === undefined
      ? []
      : ([
          ['token', () => asked.token(image)],
          ['manifest', () => asked.manifest(image)],
        ] as const)),
  ]
  const found: ProbeStep[] = []
  try {
    for (const [step, run] of steps) {
      const { isFine, sentence } = await outcomeOf(run)
      found.push({ step, isFine, sentence })
      if (!isFine) break
    }
  } finally {
    dialled.close()
    await asked.close()
  }
  return found
}

async function outcomeOf(run: () => Promise<string>): Promise<Pick<ProbeStep, 'isFine' | 'sentence'>> {
  try {
    return { isFine: true, sentence: await run() }
  } catch (error) {
    if (!isUpstreamFailure(error)) throw error
    return { isFine: false, sentence: error.message }
  }
}

/** The way to the upstream, or to the proxy before it. */
class Dialled {
  readonly #settings: UpstreamSettings
  readonly #url: URL
  readonly #isProxy: boolean
  readonly #clock: Clock
  #socket: Socket | undefined

  constructor(settings: UpstreamSettings, url: URL, isProxy: boolean, { clock }: Options) {
    this.#settings = settings
    this.#url = url
    this.#isProxy = isProxy
    this.#clock = clock
  }

  async resolve(): Promise<string> {
    const hostname = this.#hostname
    if (isIP(hostname) !== 0) {
      const refusal = this.#guard?.refusalOfLiteral(this.#url)
      if (refusal !== undefined) throw refusal
      return `${this.#who} is an address already`
    }
    const all = await this.#resolve(hostname)
    const refusals = all.map(({ address }) => this.#guard?.refusal(hostname, address))
    const [refusal] = refusals
    if (refusal !== undefined && !refusals.includes(undefined)) throw refusal
    return `${this.#who} has the addresses ${all.map(({ address }) => address).join(', ')}`
  }

  async connect(): Promise<string> {
    const { port, protocol } = this.#url
    const socket = connect({
      host: this.#hostname,
      port: Number(port || (protocol === 'https:' ? 443 : 80)),
      lookup: guardedLookup(this.#resolve, this.#guard),
      autoSelectFamily: true,
    })
    this.#socket = socket
    await this.#established(socket, 'connect')
    return `${this.#who} takes connections at ${socket.remoteAddress}`
  }

  async handshake(): Promise<string> {
    const secured: TLSSocket = connectSecurely({
      socket: this.#socket,
      rejectUnauthorized: true,
      secureContext: authorities(this.#settings.ca),
      host: this.#hostname,
      servername: isIP(this.#hostname) === 0 ? this.#hostname : '',
    })
    await this.#established(secured, 'secureConnect')
    const until = Date.parse(secured.getPeerCertificate().valid_to)
    const end = Number.isNaN(until) ? '' : `, until ${new Date(until).toISOString().slice(0, 10)}`
    return `its certificate is trusted${end} (${secured.getProtocol() ?? 'TLS'})`
  }

  close(): void {
    this.#socket?.destroy()
  }

  get #hostname(): string {
    return this.#url.hostname.replace(/^\[(.*)\]$/, '$1')
  }

  get #who(): string {
    return this.#isProxy ? `the proxy ${this.#url.host}` : this.#url.host
  }

  get #guard() {
    return this.#isProxy ? undefined : openAddressGuard(this.#settings)
  }

  get #resolve() {
    return openResolve(this.#settings.host, this.#settings.dns, this.#clock)
  }

  #established(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = this.#clock.after(TIMEOUTS.connectMs, () =>
        socket.destroy(new UpstreamFailure('timeout', `${this.#who} did not answer within 5 s`)),
      )
      socket.once(event, () => {
        stop()
        resolve()
      })
      socket.on('error', (error) => {
        stop()
        reject(connectionFailure(error, this.#url, undefined))
      })
    })
  }
}

/** The upstream itself, asked as a pull asks it. */
class ProbedUpstream {
  readonly #settings: UpstreamSettings
  readonly #url: URL
  readonly #options: Options
  readonly #closing = new AbortController()
  readonly #wire

  constructor(settings: UpstreamSettings, url: URL, options: Options) {
    this.#settings = settings
    this.#url = url
    this.#options = options
    this.#wire = openWire(settings, { ...options, timeouts: TIMEOUTS })
  }

  async ping(): Promise<string> {
    const url = new URL(`${this.#url.pathname.replace(/\/$/, '')}/v2/`, this.#url)
    const question = { method: 'GET', url, headers: {}, authorization: undefined } as const
    const answer = await this.#wire.ask({ ...question, signal: this.#closing.signal })
    await drain(this.#wire, answer)
    if (answer.status === 200) return 'it is a registry, open to all'
    const challenges = parseChallenges(answer.header('www-authenticate'))
    if (answer.status !== 401 || challenges.length === 0)
      throw answerFailure(answer, '/v2/', this.#options.clock)
    return `it is a registry that wants a login: ${challenges.map(({ scheme }) => scheme).join(', ')}`
  }

  async token({ repository }: ProbedImage): Promise<string> {
    const ticket = await this.#login().authorize({
      base: this.#url,
      scope: `repository:${repository}:pull`,
      isAnonymous: false,
      signal: this.#closing.signal,
    })
    const scheme = ticket.authorization?.split(' ')[0]
    if (scheme === undefined) return 'none is needed'
    const who =
      openCredentials(this.#settings, this.#options.clock)() === undefined ? 'nobody' : 'the account'
    return `${scheme === 'Basic' ? 'the account is shown itself' : `one to pull ${repository}, as ${who}`}`
  }

  async manifest({ repository, reference }: ProbedImage): Promise<string> {
    let limit: RateLimit | undefined
    const { clock } = this.#options
    const urls = openUrlOrder([this.#url], clock)
    const onRateLimit = (told: RateLimit): void => {
      limit = told
    }
    const client = openClient({
      wire: this.#wire,
      login: this.#login(),
      urls,
      onRateLimit,
    })
    const parts = { client, pace: openPace(undefined, clock) }
    const digest = await resolveManifest(parts, repository, reference, this.#closing.signal)
    const rest = restOf(limit)
    return `${repository}:${referenceText(reference)} is ${digest}${rest}`
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#wire.close()
  }

  #login() {
    const credential = openCredentials(this.#settings, this.#options.clock)
    return openLogin({
      wire: this.#wire,
      settings: this.#settings,
      credential,
      closing: this.#closing.signal,
    })
  }
}

function restOf(limit: RateLimit | undefined): string {
  return limit === undefined ? '' : `; ${limit.remaining} of ${limit.limit} pulls are left`
}
