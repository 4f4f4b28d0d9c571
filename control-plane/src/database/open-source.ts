import { DataSource, MigrationExecutor, type MigrationInterface } from 'typeorm'

import type { Clock } from '../system/clock.js'
import { ANSWER_MS, answered, attended } from './attended.js'
import { ENTITIES } from './entities.js'
import { MIGRATIONS } from './migrations.js'

/** Any number that nobody else takes locks by: migrations of all control planes on this database take turns. */
export const MIGRATION_LOCK = 0x656e7472
const CONNECTIONS = 10
/** No statement of ours takes so long. */
const QUERY_MS = 65_000
const UNBOUNDED = { statement_timeout: 0, query_timeout: 0 }

/** Entities and migrations on the database of this address. Exported for the test that compares the two. */
export function dataSource(url: string, further: Readonly<Record<string, number>> = {}): DataSource {
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
      query_timeout: QUERY_MS,
      idle_in_transaction_session_timeout: 120_000,
      ...further,
    },
  })
}

/** Brings the schema up to date, then connects. A server that is silent is given up, and nothing of it is kept. */
export async function openSource(url: string, clock: Clock): Promise<DataSource> {
  const migrating = await initialized(dataSource(url, UNBOUNDED), clock)
  try {
    await migrate(migrating, url, clock)
  } finally {
    await migrating.destroy()
  }
  return initialized(dataSource(url), clock)
}

async function initialized(source: DataSource, clock: Clock): Promise<DataSource> {
  await answered(source.initialize(), clock)
  return source
}

/** One starter migrates, the others wait and find nothing to do. It takes what it takes, on the one connection that has the lock. */
async function migrate(source: DataSource, url: string, clock: Clock): Promise<void> {
  await attended({ source, url, clock }, async (runner) => {
    await runner.query('SET statement_timeout = 0') // a role may have one of its own
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    try {
      const executor = new MigrationExecutor(source, runner)
      executor.transaction = 'each'
      await executor.executePendingMigrations()
    } finally {
      await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined)
    }
  })
}
