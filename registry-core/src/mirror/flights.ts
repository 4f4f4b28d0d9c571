import type { Clock } from '../system/clock.js'
import { untilAborted } from './until-aborted.js'

/** Something that is being found out once, for all who want to know it. */
export interface Flight<T> {
  readonly result: Promise<T>
  /** By the clock's `elapsedMs`. */
  readonly startedMs: number
  /** Whoever asked started it; false for those who joined. */
  readonly isNew: boolean
}

/** One question at a time for each key, whoever asks; it goes on when all who asked have left. */
export class Flights<T> {
  readonly #clock: Clock
  readonly #running = new Map<string, Flight<T>>()

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock
  }

  join(key: string, start: () => Promise<T>): Flight<T> {
    const running = this.#running.get(key)
    if (running !== undefined) return running
    const result = start().finally(() => this.#running.delete(key))
    result.catch(() => undefined) // nobody may be left to hear of it
    const flight = { result, startedMs: this.#clock.elapsedMs() }
    this.#running.set(key, { ...flight, isNew: false })
    return { ...flight, isNew: true }
  }

  /** The result, for one who waits as long as the signal lasts; whoever has gone already starts nothing. */
  async wait(key: string, signal: AbortSignal, start: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    return untilAborted(this.join(key, start).result, signal)
  }

  /** When all that runs has ended. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(({ result }) => result))
  }
}
