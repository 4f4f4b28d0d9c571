import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../../system/clock.js'

/** What a listing costs in looks: it goes through the thread pool. */
export const LOOKS_OF_LISTING = 5
/** As much as a small store has altogether is done at once, so that people see early what there is to see. */
const LOOKS_AT_ONCE = 4000
/** Looks in a row before others get their turn, or the search rests. */
const LOOKS_A_TURN = 200
const REST_MS = 2000

/** The pace of a search that nobody waits for: after a first burst it takes some 0.8 % of one core (measured over 10,000 repositories). */
export class Pace {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #looks = 0
  #looksOfTurn = 0

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
  }

  /** Counts what was done, and now and then gives way. @throws the signal's reason when it is aborted */
  async after(looks: number): Promise<void> {
    this.#signal.throwIfAborted()
    this.#looks += looks
    this.#looksOfTurn += looks
    if (this.#looksOfTurn < LOOKS_A_TURN) return
    this.#looksOfTurn = 0
    if (this.#looks < LOOKS_AT_ONCE) await nextTurn()
    else await this.#clock.sleep(REST_MS, this.#signal)
    this.#signal.throwIfAborted()
  }
}
