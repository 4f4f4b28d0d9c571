import type { Clock } from '../system/clock.js'
import { networkOf } from './network-of.js'

const WINDOW_MS = 60_000
const GUESSES = 10
const NETWORKS = 10_000

/** Wrong tokens by address, of IPv6 by network: after ten within a minute none is looked at until the minute is over. */
export class Guesses {
  readonly #clock: Clock
  readonly #wrong = new Map<string, { readonly sinceMs: number; count: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The seconds that this address must wait; undefined when it may try. */
  findWait(address: string): number | undefined {
    const seen = this.#seen(networkOf(address))
    if (seen === undefined || seen.count < GUESSES) return undefined
    return Math.ceil((seen.sinceMs + WINDOW_MS - this.#clock.elapsedMs()) / 1000)
  }

  /** Answers what takes it back. */
  note(address: string): () => void {
    const network = networkOf(address)
    const noted = this.#seen(network) ?? this.#begin(network)
    noted.count += 1
    return () => {
      noted.count -= 1
    }
  }

  #begin(network: string): { readonly sinceMs: number; count: number } {
    const [oldest] = this.#wrong.keys()
    if (this.#wrong.size >= NETWORKS && oldest !== undefined) this.#wrong.delete(oldest)
    const begun = { sinceMs: this.#clock.elapsedMs(), count: 0 }
    this.#wrong.set(network, begun)
    return begun
  }

  #seen(network: string): { readonly sinceMs: number; count: number } | undefined {
    const seen = this.#wrong.get(network)
    if (seen === undefined || this.#clock.elapsedMs() - seen.sinceMs < WINDOW_MS) return seen
    this.#wrong.delete(network)
    return undefined
  }
}
