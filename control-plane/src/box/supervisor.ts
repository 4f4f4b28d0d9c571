import type { Clock } from '../system/clock.js'
import type { Part, RunningPart } from './part.js'

/** A part that is started again whenever it ends, until it is told to stop. */
export interface Supervised {
  readonly name: string
  /** Resolves once it serves for the first time; never rejects, and stays open when that never comes. */
  readonly serving: Promise<void>
  /** What became of its first try: `undefined` when it serves, else why not. */
  readonly firstTry: Promise<Error | undefined>
  /** Lets it end and starts it no more; answers when it is gone. */
  stop(): Promise<void>
  /** Ends it at once, also while `stop` waits. */
  kill(): void
}

export interface SupervisorOptions {
  readonly clock: Clock
  /** Takes one line for people. */
  readonly say: (line: string) => void
  /** Whether the first try counts: when it fails there is no second, and nothing is said. */
  readonly isFirstTryAll?: boolean
}

const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 10_000
/** Who served so long was well: the next end is not counted with those before. */
const WELL_AFTER_MS = 30_000

/** How long to wait before the next start, after so many ends in a row. */
export function backOffMs(endsInARow: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** (endsInARow - 1), LONGEST_DELAY_MS)
}

/** Starts a part and keeps it running. */
export function supervise(part: Part, options: SupervisorOptions): Supervised {
  const keeper = new Keeper(part, options)
  void keeper.run()
  return keeper
}

class Keeper implements Supervised {
  readonly name: string
  readonly #part: Part
  readonly #options: SupervisorOptions
  readonly #stopping = new AbortController()
  readonly #serving = Promise.withResolvers<void>()
  readonly #firstTry = Promise.withResolvers<Error | undefined>()
  readonly #gone = Promise.withResolvers<void>()
  #running: RunningPart | undefined
  #endsInARow = 0
  #hasServed = false

  constructor(part: Part, options: SupervisorOptions) {
    this.name = part.name
    this.#part = part
    this.#options = options
  }

  get serving(): Promise<void> {
    return this.#serving.promise
  }

  get firstTry(): Promise<Error | undefined> {
    return this.#firstTry.promise
  }

  async run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const why = await this.#runOnce(signal)
      if (signal.aborted || why === undefined) break
      this.#endsInARow += 1
      const delayMs = backOffMs(this.#endsInARow)
      this.#options.say(`${this.name} ${why}: it is started again in ${delayMs / 1000} s`)
      await this.#options.clock.sleep(delayMs, signal).catch(() => undefined) // told to stop meanwhile
    }
    this.#gone.resolve()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running?.stop()
    await this.#gone.promise
    this.#part.kill() // what earlier runs left behind
  }

  kill(): void {
    this.#stopping.abort()
    this.#part.kill()
  }

  /** One life of the part; answers how it ended, `undefined` when there shall be no other. */
  async #runOnce(signal: AbortSignal): Promise<string | undefined> {
    const { clock, isFirstTryAll = false } = this.#options
    try {
      this.#running = await this.#part.start(signal)
    } catch (thrown) {
      const error = Error.isError(thrown) ? thrown : new Error(String(thrown))
      this.#firstTry.resolve(error)
      return isFirstTryAll && !this.#hasServed ? undefined : `does not start (${error.message})`
    }
    this.#hasServed = true
    const servedFromMs = clock.elapsedMs()
    this.#firstTry.resolve(undefined)
    this.#serving.resolve()
    // Told while it was just coming up: whoever told found nothing to stop.
    if (signal.aborted) await this.#running.stop()
    const why = await this.#running.ended
    this.#running = undefined
    if (clock.elapsedMs() - servedFromMs >= WELL_AFTER_MS) this.#endsInARow = 0
    return why
  }
}
