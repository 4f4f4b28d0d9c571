import type { Clock } from '../system/clock.js'

/** What everybody may ask for and costs much: made once for all who ask meanwhile, and once in a while. */
export class MadeLately<K, V> {
  readonly #options: { readonly clock: Clock; readonly keptMs: number }
  readonly #made = new Map<K, { readonly sinceMs: number; readonly value: Promise<V> }>()

  constructor(options: { readonly clock: Clock; readonly keptMs: number }) {
    this.#options = options
  }

  /** What cannot be made is tried again by the next who asks. */
  async get(key: K, make: () => Promise<V>): Promise<V> {
    const { clock, keptMs } = this.#options
    const before = this.#made.get(key)
    if (before !== undefined && clock.elapsedMs() - before.sinceMs < keptMs) return before.value
    const made = { sinceMs: clock.elapsedMs(), value: make() }
    this.#made.set(key, made)
    try {
      return await made.value
    } catch (error) {
      if (this.#made.get(key) === made) this.#made.delete(key)
      throw error
    }
  }
}
