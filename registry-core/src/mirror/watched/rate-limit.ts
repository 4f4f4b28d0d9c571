import type { Clock } from '../../system/clock.js'

/** What an upstream says of how much it still gives (`ratelimit-limit`, `ratelimit-remaining`: `76;w=21600`). */
export interface RateLimit {
  readonly limit: number
  readonly remaining: number
  readonly windowSeconds: number | undefined
}

/** Below this part of the limit nothing is revalidated: what is left is for what is not here yet. */
const LOW_PART = 0.1
/** What it said counts no longer than this, so that we hear when there is more again. */
const COUNTS_MS = 10 * 60_000

/** How much an upstream still gives, as it said it last. */
export class RateLimitWatch {
  readonly #clock: Clock
  #last: { readonly said: RateLimit; readonly atMs: number } | undefined

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock
  }

  note(said: RateLimit): void {
    this.#last = { said, atMs: this.#clock.elapsedMs() }
  }

  /** Undefined for an upstream that says nothing. */
  current(): RateLimit | undefined {
    return this.#last?.said
  }

  isLow(): boolean {
    if (this.#last === undefined) return false
    const { said, atMs } = this.#last
    const countsMs = Math.min(COUNTS_MS, (said.windowSeconds ?? Number.POSITIVE_INFINITY) * 1000)
    return said.remaining < said.limit * LOW_PART && this.#clock.elapsedMs() - atMs < countsMs
  }
}

/** What an answer's headers say of how much more the upstream gives; undefined when they say nothing. */
export function findRateLimit(header: (name: string) => string | undefined): RateLimit | undefined {
  const limit = parse(header('ratelimit-limit'))
  const remaining = parse(header('ratelimit-remaining'))
  if (limit === undefined || remaining === undefined) return undefined
  const windowSeconds = limit.windowSeconds ?? remaining.windowSeconds
  return { limit: limit.count, remaining: remaining.count, windowSeconds }
}

/** `100;w=21600`. */
function parse(text: string | undefined): { count: number; windowSeconds: number | undefined } | undefined {
  const [, count, window] = /^\s*(\d{1,12})\s*(?:;.*?\bw=(\d{1,9}))?/.exec(text ?? '') ?? []
  if (count === undefined) return undefined
  return { count: Number(count), windowSeconds: window === undefined ? undefined : Number(window) }
}
