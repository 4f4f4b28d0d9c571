import type { DataSource, EntityManager } from 'typeorm'

import { ProductError } from '../http/product-error.js'
import type { Clock } from '../system/clock.js'
import { ANSWER_MS, answered, attended } from './attended.js'
import { MIGRATION_LOCK, openSource } from './open-source.js'
import { isBehindAnother, isCrossed, isOfDatabase, unavailable, unkeepable } from './unavailable.js'

/** A change of the configuration waits for the one before it, also for another control plane's. */
const CONFIGURATION_LOCK = MIGRATION_LOCK + 1
const TURN_MS = 60_000
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000
/** Of a transaction that was in another's way. */
const TRIES = 4

/** Which server, and what else is known of it. */
export interface DatabaseOptions {
  readonly url: string
  readonly clock: Clock
  /** What there is to say of its disk when something fails, as a sentence; a server elsewhere has none. */
  readonly sayOfDisk?: () => Promise<string | undefined>
}

/**
 * Postgres, which may be away: whoever asks then gets `database-unavailable`, and the next question tries again. The
 * schema is brought up to date before the first answer.
 */
export class Database {
  readonly #url: string
  readonly #clock: Clock
  readonly #sayOfDisk: () => Promise<string | undefined>
  #opening: Promise<DataSource> | undefined

  constructor({ url, clock, sayOfDisk }: DatabaseOptions) {
    this.#url = url
    this.#clock = clock
    this.#sayOfDisk = sayOfDisk ?? (() => Promise.resolve(undefined))
  }

  /** Tries until Postgres answers, then brings the schema up to date. @throws the signal's reason */
  async open(signal: AbortSignal, say: (sentence: string) => void): Promise<void> {
    await this.untilKept(() => this.#opened(), signal, say)
  }

  /** Tries until Postgres has kept it. @throws the signal's reason, and what is not of Postgres being away */
  async untilKept<T>(
    run: () => Promise<T>,
    signal: AbortSignal,
    say: (sentence: string) => void,
  ): Promise<T> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await run()
      } catch (error) {
        const told = await this.#told(error)
        if (!isPassing(told)) throw error
        say(told.message)
        await this.#clock.sleep(pauseMs, signal)
      }
    }
  }

  /** Runs in one transaction; anew when another one was in its way. @throws ProductError `database-unavailable` */
  async transaction<T>(run: (manager: EntityManager) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#once(run)
      } catch (error) {
        if (!isCrossed(error) || tries === TRIES) throw await this.#told(error)
      }
    }
  }

  /** Reads as everything was at its first question, however long it takes. @throws ProductError `database-unavailable` */
  async snapshot<T>(run: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await this.#once(run, 'REPEATABLE READ')
    } catch (error) {
      throw await this.#told(error)
    }
  }

  /**
   * As `transaction`, one at a time over all control planes: for what changes the configuration. Tried once.
   * @throws ProductError `database-unavailable`, `change-under-way`
   */
  async alone<T>(run: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await this.#once(async (manager) => {
        // The change before this one may take longer than an answer of the database does.
        await manager.query(`SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = ${TURN_MS}`)
        await manager.query('SELECT pg_advisory_xact_lock($1)', [CONFIGURATION_LOCK])
        await manager.query(`SET LOCAL statement_timeout = ${ANSWER_MS}`)
        return run(manager)
      })
    } catch (error) {
      throw await this.#told(error)
    }
  }

  /** @throws ProductError `database-unavailable` */
  async check(): Promise<void> {
    await this.transaction((manager) => manager.query('SELECT 1'))
  }

  async close(): Promise<void> {
    if (this.#opening === undefined) return
    const source = await answered(this.#opening, this.#clock).catch(() => undefined)
    await source?.destroy()
  }

  async #once<T>(run: (manager: EntityManager) => Promise<T>, isolation?: 'REPEATABLE READ'): Promise<T> {
    const [url, clock] = [this.#url, this.#clock]
    // It may be in the midst of a long migration.
    const source = await answered(this.#opened(), clock)
    return attended({ source, url, clock }, ({ manager }) =>
      isolation === undefined ? manager.transaction(run) : manager.transaction(isolation, run),
    )
  }

  /** One opening at a time; a failed one is forgotten, so that the next question tries anew. */
  #opened(): Promise<DataSource> {
    if (this.#opening === undefined) {
      const opening = openSource(this.#url, this.#clock)
      this.#opening = opening
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = undefined
      })
    }
    return this.#opening
  }

  /** As people are told it. */
  async #told(error: unknown): Promise<unknown> {
    if (isBehindAnother(error))
      return new ProductError('change-under-way', { seconds: TURN_MS / 1000 }, { cause: error })
    const away = unavailable(error)
    if (away === undefined) return unkeepable(error) ?? error
    const disk = await this.#sayOfDisk()
    if (disk === undefined) return away
    const cause = `${away.detail.cause}; ${disk}`
    return new ProductError('database-unavailable', { cause }, { cause: error })
  }
}

/** Who waits may ask again: it is of no use to be told. */
function isPassing(error: unknown): error is ProductError {
  return error instanceof ProductError && isOfDatabase(error)
}
