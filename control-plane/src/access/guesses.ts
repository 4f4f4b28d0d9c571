import type { Clock } from '../system/clock.js'

const WINDOW_MS = 60_000
const GUESSES = 10
const ADDRESSES = 10_000

/** Wrong tokens by address: after ten within a minute none is looked at until the minute is over. */
export class Guesses {
  readonly #clock: Clock
  readonly #wrong = new Map<string, { readonly sinceMs: number; count: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The seconds that this address must wait; undefined when it may try. */
  findWait(address: string): number | undefined {
    const seen = this.#seen(address)
    if (seen === undefined || seen.count < GUESSES) return undefined
    return Math.ceil((seen.sinceMs + WINDOW_MS - this.#clock.elapsedMs()) / 1000)
  }

  note(address: string): void {
    const seen = this.#seen(address)
    if (seen !== undefined) seen.count += 1
    else {
      const [oldest] = this.#wrong.keys()
      if (this.#wrong.size >= ADDRESSES && oldest !== undefined) this.#wrong.delete(oldest)
      this.#wrong.set(address, { sinceMs: this.#clock.elapsedMs(), count: 1 })
    }
  }

  #seen(address: string): { readonly sinceMs: number; count: number } | undefined {
    const seen = this.#wrong.get(address)
    if (seen === undefined || this.#clock.elapsedMs() - seen.sinceMs < WINDOW_MS) return seen
    this.#wrong.delete(address)
    return undefined
  }
}
