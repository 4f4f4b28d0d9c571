import type { Clock } from '../system/clock.js'
import { BoundedMap } from './bounded-map.js'
import type { UpstreamFailure } from './upstream/upstream-failure.js'

/** So long is a name that an upstream has refused not asked for again. */
const REMEMBERED_MS = 10_000
/** So many of them at once: of an upstream no more than this are found out in that time (attack row 61). */
const LIMIT = 2000

/**
 * What an upstream refused a moment ago. Whoever makes up names fills it: then names that nobody knows are not asked
 * for until some of it is over, so that neither memory nor requests grow with what a client sends.
 */
export class Refusals {
  readonly #clock: Clock
  /** The oldest first: all last equally long. */
  readonly #kept = new BoundedMap<{ readonly failure: UpstreamFailure; readonly untilMs: number }>(LIMIT)

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock
  }

  /** Undefined when it may be asked for. */
  find(key: string): UpstreamFailure | undefined {
    this.#dropOver()
    return this.#kept.get(key)?.failure
  }

  isFull(): boolean {
    this.#dropOver()
    return this.#kept.size >= LIMIT
  }

  remember(key: string, failure: UpstreamFailure): void {
    this.#kept.set(key, { failure, untilMs: this.#clock.elapsedMs() + REMEMBERED_MS })
  }

  #dropOver(): void {
    const nowMs = this.#clock.elapsedMs()
    for (const [key, { untilMs }] of this.#kept.entries()) {
      if (untilMs > nowMs) return
      this.#kept.delete(key)
    }
  }
}
