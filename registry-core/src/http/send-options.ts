import type { Content } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Load } from '../system/metrics.js'

/** What sending needs besides the answer. */
export interface SendOptions {
  readonly content: Content
  readonly clock: Clock
  readonly load: Load
  /** A client that takes nothing for so long is given up. */
  readonly idleMs: number
}
