import { DataSource, type EntityManager, type MigrationInterface } from 'typeorm'

import { ProductError } from '../http/product-error.js'
import type { Clock } from '../system/clock.js'
import { ENTITIES } from './entities.js'
import { MIGRATIONS } from './migrations.js'

/** Any number that nobody else takes locks by: migrations of all control planes on this database take turns. */
const MIGRATION_LOCK = 0x656e7472
/** A change of the configuration waits for the one before it, also for another control plane's. */
const CONFIGURATION_LOCK = MIGRATION_LOCK + 1
const ANSWER_MS = 5_000
const CONNECTIONS = 10
const TURN_MS = 60_000
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000

/**
 * Postgres, which may be away: whoever asks then gets `database-unavailable`, and the next question tries again. The
 * schema is brought up to date before the first answer.
 */
export class Database {
  readonly #source: DataSource
  readonly #clock: Clock
  #opening: Promise<void> | undefined

  constructor({ url, clock }: { readonly url: string; readonly clock: Clock }) {
    this.#clock = clock
    this.#source = dataSource(url)
  }

  /** Tries until Postgres answers, then brings the schema up to date. @throws the signal's reason */
  async open(signal: AbortSignal, say: (sentence: string) => void): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.#ready()
      } catch (error) {
        say(Error.isError(error) ? error.message : String(error))
        await this.#clock.sleep(pauseMs, signal)
      }
    }
  }

  /** Runs in one transaction. @throws ProductError `database-unavailable` */
  async transaction<T>(run: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      await this.#ready()
      await this.#untilAnswered()
      return await this.#source.transaction(run)
    } catch (error) {
      throw unavailable(error) ?? unkeepable(error) ?? error
    }
  }

  /** Reads as everything was at its first question, however long it takes. @throws ProductError `database-unavailable` */
  async snapshot<T>(run: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      await this.#ready()
      return await this.#source.transaction('REPEATABLE READ', run)
    } catch (error) {
      throw unavailable(error) ?? error
    }
  }

  /** As `transaction`, one at a time over all control planes: for what changes the configuration. */
  alone<T>(run: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.transaction(async (manager) => {
      // The change before this one may take longer than an answer of the database does.
      await manager.query(`SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = ${TURN_MS}`)
      await manager.query('SELECT pg_advisory_xact_lock($1)', [CONFIGURATION_LOCK])
      await manager.query(`SET LOCAL statement_timeout = ${ANSWER_MS}`)
      return run(manager)
    })
  }

  /** @throws ProductError `database-unavailable` */
  async check(): Promise<void> {
    await this.transaction((manager) => manager.query('SELECT 1'))
  }

  async close(): Promise<void> {
    if (this.#source.isInitialized) await this.#source.destroy()
  }

  /** A server that is frozen ends no statement, also none that may take no time: a change may be slow, this may not. */
  async #untilAnswered(): Promise<void> {
    const answered = new AbortController()
    const late = this.#clock.sleep(ANSWER_MS, answered.signal).then(
      () => {
        throw new ProductError('database-unavailable', { cause: `no answer within ${ANSWER_MS / 1000} s` })
      },
      () => undefined, // it came in time
    )
    try {
      await Promise.race([this.#source.query('SELECT 1'), late])
    } finally {
      answered.abort()
    }
  }

  /** One opening at a time; a failed one is forgotten, so that the next question tries anew. */
  #ready(): Promise<void> {
    if (this.#opening === undefined) {
      const opening = openSource(this.#source)
      this.#opening = opening
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = undefined
      })
    }
    return this.#opening
  }
}

/** Entities and migrations on the database of this address. Exported for the test that compares the two. */
export function dataSource(url: string): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    entities: [...ENTITIES],
    migrations: [...MIGRATIONS] as (new () => MigrationInterface)[],
    migrationsTableName: 'migration',
    connectTimeoutMS: ANSWER_MS,
    extra: {
      max: CONNECTIONS,
      statement_timeout: ANSWER_MS,
      query_timeout: ANSWER_MS + TURN_MS,
      idle_in_transaction_session_timeout: 120_000,
    },
  })
}

async function openSource(source: DataSource): Promise<void> {
  try {
    if (!source.isInitialized) await source.initialize()
    await migrate(source)
  } catch (error) {
    throw unavailable(error) ?? error
  }
}

/** One starter migrates, the others wait and find nothing to do. */
async function migrate(source: DataSource): Promise<void> {
  const runner = source.createQueryRunner()
  try {
    await runner.query('SET statement_timeout = 0')
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    await source.runMigrations({ transaction: 'each' })
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined)
    await runner.query('RESET statement_timeout').catch(() => undefined)
    await runner.release()
  }
}

/** Codes of Node and of Postgres (appendix A of its manual, classes 08, 53, 57, and 58) for "not now". */
const AWAY =
  /^(?:ECONN\w+|ENOENT|EACCES|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|EHOST\w+|08\w{3}|53\w{3}|57\w{3}|58\w{3}|25006|28\w{3}|3D000|55P03)$/

/** What Postgres says of a NUL in a text, and in JSON: it keeps every character but that one. */
const NUL = /^(?:22021|22P05)$/

function unkeepable(error: unknown): ProductError | undefined {
  if (!Error.isError(error) || !('code' in error) || !NUL.test(String(error.code))) return undefined
  return new ProductError('invalid', { fields: [{ field: '', message: 'any text without a NUL character' }] })
}

function unavailable(error: unknown): ProductError | undefined {
  if (error instanceof ProductError || !Error.isError(error)) return undefined
  const code = 'code' in error ? String(error.code) : ''
  // TypeORM gives a connection back that has ended, and then says so of the next statement.
  const isCut = error.name === 'QueryRunnerAlreadyReleasedError'
  const isAway = AWAY.test(code) || /timeout|terminated|Connection (?:ended|closed)/i.test(error.message)
  if (!isAway && !isCut) return undefined
  const cause = isCut ? 'the connection has ended meanwhile' : error.message
  return new ProductError('database-unavailable', { cause }, { cause: error })
}
