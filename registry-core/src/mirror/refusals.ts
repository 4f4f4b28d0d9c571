import type { Clock } from '../system/clock.js'
import { RecentMap } from '../system/recent-map.js'
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
  readonly #kept: RecentMap<UpstreamFailure>

  constructor({ clock }: { readonly clock: Clock }) {
    this.#kept = new RecentMap({ clock, forMs: REMEMBERED_MS, limit: LIMIT })
  }

  /** Undefined when it may be asked for. */
  find(key: string): UpstreamFailure | undefined {
    return this.#kept.get(key)
  }

  isFull(): boolean {
    return this.#kept.size >= LIMIT
  }

  remember(key: string, failure: UpstreamFailure): void {
    this.#kept.set(key, failure)
  }
}
