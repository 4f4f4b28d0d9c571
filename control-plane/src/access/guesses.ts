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

  /** Answers what takes it back. */
  note(address: string): () => void {
    const noted = this.#seen(address) ?? this.#begin(address)
    noted.count += 1
    return () => {
      noted.count -= 1
    }
  }

  #begin(address: string): { readonly sinceMs: number; count: number } {
    const [oldest] = this.#wrong.keys()
    if (this.#wrong.size >= ADDRESSES && oldest !== undefined) this.#wrong.delete(oldest)
    const begun = { sinceMs: this.#clock.elapsedMs(), count: 0 }
    this.#wrong.set(address, begun)
    return begun
  }

  #seen(address: string): { readonly sinceMs: number; count: number } | undefined {
    const seen = this.#wrong.get(address)
    if (seen === undefined || this.#clock.elapsedMs() - seen.sinceMs < WINDOW_MS) return seen
    this.#wrong.delete(address)
    return undefined
  }
}
