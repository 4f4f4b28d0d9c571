import { dataSource } from '#control/database/open-source.js'

/** The seconds that the longest statement on this database has been running. */
export async function longestWait(url: string): Promise<number> {
  const source = await dataSource(url).initialize()
  const [row] = await source.query<{ seconds: number | null }[]>(
    "SELECT max(extract(epoch FROM now() - query_start))::float AS seconds FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  )
  await source.destroy()
  return row?.seconds ?? 0
}
