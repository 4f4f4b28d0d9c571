import type { Clock } from '../../system/clock.js'
import type { Log } from '../../system/log.js'
import type { Random } from '../../system/random.js'
import { isUpstreamFailure, TROUBLES, UpstreamFailure } from '../upstream/upstream-failure.js'
import type { Upstream } from '../upstream/upstream.js'
import { type UpstreamCall, wrapUpstream } from './wrapped-upstream.js'

/** So many failures in a row, and an upstream is left alone. */
const FAILURES_LIMIT = 2
const FIRST_REST_MS = 30_000
const LONGEST_REST_MS = 5 * 60_000
/** Up to this part more, by chance, so that not all boxes behind one line ask at once. */
const CHANCE_PART = 0.1

/** `open`: nothing is asked; `probing`: one request finds out whether it is over. */
export type BreakerState = 'closed' | 'open' | 'probing'

interface Rest {
  readonly untilMs: number
  readonly lengthMs: number
  readonly after: UpstreamFailure
}

/** Leaves an upstream alone that has failed, so that nobody waits for it, and tries it again later (design §5). */
export class Breaker {
  readonly #options: {
    readonly host: string
    readonly clock: Clock
    readonly random: Random
    readonly log: Log
  }
  #failuresInRow = 0
  #rest: Rest | undefined
  #isProbing = false

  constructor(options: {
    readonly host: string
    readonly clock: Clock
    readonly random: Random
    readonly log: Log
  }) {
    this.#options = options
  }

  get state(): BreakerState {
    if (this.#rest === undefined) return 'closed'
    return this.#isProbing ? 'probing' : 'open'
  }

  /** In words, after the upstream's name: for people. */
  describe(): string {
    if (this.#rest === undefined) return 'is asked'
    const { untilMs, after } = this.#rest
    if (this.#isProbing) return `is being tried again after: ${after.message}`
    const leftMs = Math.max(0, untilMs - this.#options.clock.elapsedMs())
    return leftMs === 0
      ? `is tried again with the next request after: ${after.message}`
      : `is resting for ${Math.ceil(leftMs / 1000)} s after: ${after.message}`
  }

  /** Asks, unless it rests. @throws UpstreamFailure `resting` at once; what `ask` throws */
  async run<T>(call: UpstreamCall, ask: () => Promise<T>): Promise<T> {
    // A registry limits manifests, not the bytes of images: those that were begun can be finished meanwhile.
    if (call.kind === 'blob' && this.#rest?.after.trouble === 'rate-limited') return ask()
    const isProbe = this.#enter()
    try {
      const answer = await ask()
      this.#answered()
      return answer
    } catch (error) {
      this.#judge(call.signal.aborted ? call.signal.reason : error, isProbe)
      throw error
    } finally {
      if (isProbe) this.#isProbing = false
    }
  }

  /** True for the one request that finds out. */
  #enter(): boolean {
    if (this.#rest === undefined) return false
    const isOver = this.#options.clock.elapsedMs() >= this.#rest.untilMs
    if (!isOver || this.#isProbing)
      throw new UpstreamFailure('resting', `${this.#options.host} ${this.describe()}`, {
        cause: this.#rest.after,
      })
    this.#isProbing = true
    return true
  }

  /** A client that left says nothing of the upstream. */
  #judge(error: unknown, isProbe: boolean): void {
    if (!isUpstreamFailure(error)) return
    switch (TROUBLES[error.trouble].breaker) {
      case 'counts':
        return this.#failed(error, isProbe)
      case 'with-retry-after':
        return restOf(error) === 0 ? this.#answered() : this.#failed(error, isProbe)
      case 'answers':
        return this.#answered()
      case 'neutral':
        return
    }
  }

  #answered(): void {
    this.#failuresInRow = 0
    if (this.#rest === undefined) return
    this.#rest = undefined
    this.#options.log.info({ upstream: this.#options.host }, 'the upstream answers again')
  }

  #failed(failure: UpstreamFailure, isProbe: boolean): void {
    // What was under way when the rest began says nothing new.
    if (this.#rest !== undefined && !isProbe) return
    this.#failuresInRow += 1
    const askedMs = restOf(failure)
    if (!isProbe && this.#failuresInRow < FAILURES_LIMIT && askedMs === 0) return
    const wantedMs =
      this.#rest === undefined ? askedMs || FIRST_REST_MS : Math.max(askedMs, this.#rest.lengthMs * 2)
    const lengthMs = Math.min(LONGEST_REST_MS, wantedMs)
    const { clock, random, log, host } = this.#options
    const chance = Number.parseInt(random.hex(2), 16) / 0x10000
    const untilMs = clock.elapsedMs() + lengthMs * (1 + CHANCE_PART * chance)
    this.#rest = { untilMs, lengthMs, after: failure }
    log.warn(
      { upstream: host, trouble: failure.trouble, restSeconds: Math.round(lengthMs / 1000) },
      `the upstream is left alone for a while: ${failure.message}`,
    )
  }
}

/** What it asks for itself (`Retry-After`); 0 when it does not. */
function restOf({ retryAfterMs = 0 }: UpstreamFailure): number {
  return Math.max(0, retryAfterMs)
}

/** The upstream, unless it rests: then each request is refused at once. */
export function withBreaker(upstream: Upstream, breaker: Breaker): Upstream {
  return wrapUpstream(upstream, (call, ask) => breaker.run(call, ask))
}
