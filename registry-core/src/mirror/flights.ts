import type { Clock } from '../system/clock.js'

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

  /** When all that runs has ended. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(({ result }) => result))
  }
}

/** The result, or undefined when it takes longer. @throws the signal's reason when it is aborted meanwhile */
export function waitAtMost<T extends object>(
  clock: Clock,
  result: Promise<T>,
  ms: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const leave = (): void => end(() => reject(signal.reason))
    const cancel = clock.after(ms, () => end(() => resolve(undefined)))
    signal.addEventListener('abort', leave, { once: true })
    function end(settle: () => void): void {
      cancel()
      signal.removeEventListener('abort', leave)
      settle()
    }
    result.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    )
  })
}
