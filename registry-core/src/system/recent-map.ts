import { BoundedMap } from './bounded-map.js'
import type { Clock } from './clock.js'

/** What was found out lately: each entry lasts equally long, and the oldest goes when there are more than the limit. */
export class RecentMap<V> {
  readonly #clock: Clock
  readonly #forMs: number
  readonly #kept: BoundedMap<{ readonly value: V; readonly untilMs: number }>

  constructor(options: { readonly clock: Clock; readonly forMs: number; readonly limit: number }) {
    this.#clock = options.clock
    this.#forMs = options.forMs
    this.#kept = new BoundedMap(options.limit)
  }

  /** Of those that are not over. */
  get size(): number {
    this.#dropOver()
    return this.#kept.size
  }

  /** Undefined when nothing was set, or its time is over. */
  get(key: string): V | undefined {
    const entry = this.#kept.get(key)
    return entry !== undefined && this.#clock.elapsedMs() < entry.untilMs ? entry.value : undefined
  }

  /** As the newest. */
  set(key: string, value: V): void {
    this.#kept.set(key, { value, untilMs: this.#clock.elapsedMs() + this.#forMs })
  }

  /** Those that are not over, the oldest first. */
  values(): readonly V[] {
    this.#dropOver()
    return Array.from(this.#kept.values(), ({ value }) => value)
  }

  #dropOver(): void {
    const nowMs = this.#clock.elapsedMs()
    for (const [key, { untilMs }] of this.#kept.entries()) {
      if (untilMs > nowMs) return
      this.#kept.delete(key)
    }
  }
}
