import type { Clock } from '../system/clock.js'
import { networkOf } from './network-of.js'

const GUESSES = 10
/** By address alone it is short: many people may share one, and one of them has an old token in a job. */
const ADDRESS_WINDOW_MS = 60_000
/** Of one token from one address, as of one account of the registry. */
const TOKEN_WINDOW_MS = 15 * 60_000
const KEPT = 10_000

/** Wrong tokens, by address, of IPv6 by network, and by token and address: after ten none is looked at for a while. */
export class Guesses {
  readonly #byAddress: Wrong
  readonly #byToken: Wrong

  constructor(clock: Clock) {
    this.#byAddress = new Wrong(clock, ADDRESS_WINDOW_MS)
    this.#byToken = new Wrong(clock, TOKEN_WINDOW_MS)
  }

  /** The seconds that this address must wait with this token, of which `id` is the public part; undefined when it may try. */
  findWait(address: string, id: string): number | undefined {
    const network = networkOf(address)
    const waits = [this.#byAddress.findWait(network), this.#byToken.findWait(`${id} ${network}`)]
    const longest = Math.max(...waits.map((seconds) => seconds ?? 0))
    return longest > 0 ? longest : undefined
  }

  /** Answers what takes it back. */
  note(address: string, id: string): () => void {
    const network = networkOf(address)
    const noted = [this.#byAddress.note(network), this.#byToken.note(`${id} ${network}`)]
    return () => noted.forEach((forgive) => forgive())
  }
}

class Wrong {
  readonly #clock: Clock
  readonly #windowMs: number
  readonly #seen = new Map<string, { readonly sinceMs: number; count: number }>()

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock
    this.#windowMs = windowMs
  }

  findWait(key: string): number | undefined {
    const seen = this.#find(key)
    if (seen === undefined || seen.count < GUESSES) return undefined
    return Math.ceil((seen.sinceMs + this.#windowMs - this.#clock.elapsedMs()) / 1000)
  }

  note(key: string): () => void {
    const noted = this.#find(key) ?? this.#begin(key)
    noted.count += 1
    return () => {
      noted.count -= 1
    }
  }

  #begin(key: string): { readonly sinceMs: number; count: number } {
    const [oldest] = this.#seen.keys()
    if (this.#seen.size >= KEPT && oldest !== undefined) this.#seen.delete(oldest)
    const begun = { sinceMs: this.#clock.elapsedMs(), count: 0 }
    this.#seen.set(key, begun)
    return begun
  }

  #find(key: string): { readonly sinceMs: number; count: number } | undefined {
    const seen = this.#seen.get(key)
    if (seen === undefined || this.#clock.elapsedMs() - seen.sinceMs < this.#windowMs) return seen
    this.#seen.delete(key)
    return undefined
  }
}
