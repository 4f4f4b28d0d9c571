import type { Clock } from '../../system/clock.js'
import type { UpstreamFailure } from '../upstream/upstream-failure.js'

/** So long is what an upstream has refused not asked for again. */
const REMEMBERED_MS = 10_000
/** So many of them at once: of an upstream no more than this are found out in that time (attack row 61). */
export const LIMIT = 2000
/** Of these no more for any one who asks, so that one who makes up names stops nobody else. */
export const SHARE = 500

interface Kept {
  readonly failure: UpstreamFailure
  readonly asker: string
  readonly untilMs: number
}

/**
 * What an upstream refused a moment ago. Whoever makes up names fills their share of it: then names that nobody knows are
 * not asked for until some of it is over, so that neither memory nor requests grow with what a client sends.
 */
export class Refusals {
  readonly #clock: Clock
  /** The oldest first: all last equally long. */
  readonly #kept = new Map<string, Kept>()
  readonly #shares = new Map<string, number>()

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock
  }

  /** Undefined when it may be asked for. */
  find(key: string): UpstreamFailure | undefined {
    this.#dropOver()
    return this.#kept.get(key)?.failure
  }

  get size(): number {
    this.#dropOver()
    return this.#kept.size
  }

  /** So many of them were asked for by this one. */
  countOf(asker: string): number {
    this.#dropOver()
    return this.#shares.get(asker) ?? 0
  }

  remember(key: string, failure: UpstreamFailure, asker: string): void {
    this.forget(key)
    this.#kept.set(key, { failure, asker, untilMs: this.#clock.elapsedMs() + REMEMBERED_MS })
    this.#shares.set(asker, (this.#shares.get(asker) ?? 0) + 1)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > LIMIT && oldest !== undefined) this.forget(oldest)
  }

  forget(key: string): void {
    const kept = this.#kept.get(key)
    if (kept === undefined) return
    this.#kept.delete(key)
    const left = (this.#shares.get(kept.asker) ?? 0) - 1
    if (left > 0) this.#shares.set(kept.asker, left)
    else this.#shares.delete(kept.asker)
  }

  #dropOver(): void {
    const nowMs = this.#clock.elapsedMs()
    for (const [key, { untilMs }] of this.#kept) {
      if (untilMs > nowMs) return
      this.forget(key)
    }
  }
}
