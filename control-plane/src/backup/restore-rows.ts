import type { EntityManager } from 'typeorm'
import type { z } from 'zod'

import { ENVIRONMENT } from '../access/admin-token.schema.js'
import { nextVersion } from '../front/intent.js'
import { ProductError } from '../http/product-error.js'
import { Sealing } from '../system/sealed.js'
import { readUpstream } from '../upstreams/upstream.schema.js'
import { openSecrets, sealSecrets, type UpstreamSecrets } from '../upstreams/upstream-secrets.js'
import { refusal, type UnpackedBackup } from './read-backup.js'
import { configurationRow, type Table, TABLES, upstreamRow } from './tables.js'

/** What the passwords of a backup are sealed by, and what they are to be sealed by. */
export interface Keys {
  readonly theirs: Sealing
  readonly ours: Sealing
}

/** Of so many rows, and of comparing them with those that are there. */
const STATEMENT_MS = 60_000

/** Looks at every row. @throws ProductError `not-restorable`, naming the first that no box would have written */
export async function checkRows(backup: UnpackedBackup, keys: Keys): Promise<void> {
  for (const table of TABLES) for await (const _rows of rowsOf(backup, table, keys)) continue
}

/**
 * Accounts, upstreams, settings and admin tokens are those of the backup then. The audit and the history lose nothing:
 * a restore that could empty them would hide who has restored. Answers how many rows were written, by table.
 */
export async function replaceRows(
  manager: EntityManager,
  backup: UnpackedBackup,
  keys: Keys,
): Promise<Record<string, number>> {
  await manager.query(`SET LOCAL statement_timeout = ${STATEMENT_MS}`)
  const version = await nextVersion(manager)
  await manager.query('DELETE FROM "account"')
  await manager.query('DELETE FROM "upstream"')
  await manager.query('DELETE FROM "setting"')
  await manager.query(`DELETE FROM "admin_token" WHERE name <> '${ENVIRONMENT}'`)
  const written: Record<string, number> = {}
  for (const table of TABLES) {
    let count = 0
    for await (const rows of rowsOf(backup, table, keys)) count += await insert(manager, table, rows, version)
    written[table.name] = count
  }
  return written
}

/** Versions grow, so that no ETag that somebody has read fits by chance. */
async function insert(
  manager: EntityManager,
  { name, columns, addedBy }: Table,
  rows: readonly object[],
  version: number,
): Promise<number> {
  const quoted = Object.keys(columns).map((column) => `"${column}"`)
  const values = quoted.map((column) => (column === '"version"' ? `r."version" + ${version}` : `r.${column}`))
  const types = Object.entries(columns).map(([column, type]) => `"${column}" ${type}`)
  const isThere = addedBy?.map((column) => `t."${column}" = r."${column}"`).join(' AND ')
  const conditions = [
    ...(isThere === undefined ? [] : [`NOT EXISTS (SELECT 1 FROM "${name}" t WHERE ${isThere})`]),
    ...(name === 'admin_token'
      ? [
          `'${ENVIRONMENT}' NOT IN (r.id, r.name)`, // each box makes its own at its start
          'NOT EXISTS (SELECT 1 FROM "admin_token" t WHERE t.id = r.id OR t.name = r.name)',
        ]
      : []),
  ]
  const inserted = await manager.query<readonly { readonly count: string }[]>(
    `WITH inserted AS (INSERT INTO "${name}" (${quoted.join(', ')})
      SELECT ${values.join(', ')} FROM jsonb_to_recordset($1::jsonb) AS r(${types.join(', ')})
      ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`} RETURNING 1)
    SELECT count(*) FROM inserted`,
    [JSON.stringify(rows)],
  )
  return Number(inserted[0]?.count ?? 0)
}

/** The rows of a table part by part, each as this box would have it. */
async function* rowsOf(backup: UnpackedBackup, table: Table, keys: Keys): AsyncGenerator<readonly object[]> {
  for (const entry of backup.entries.filter((each) => each.startsWith(`tables/${table.name}/`))) {
    const lines = (await backup.read(entry)).toString('utf8').trimEnd().split('\n')
    yield lines.map((line, at) => readRow(line, { table, keys, where: `${entry}, line ${at + 1}` }))
  }
}

function readRow(
  line: string,
  { table, keys, where }: { readonly table: Table; readonly keys: Keys; readonly where: string },
): object {
  const row = read(table.row, line, where)
  if (table.row === upstreamRow) return resealedUpstream(upstreamRow.parse(row), keys, where)
  if (table.row === configurationRow) return resealedHistory(configurationRow.parse(row), keys)
  return row
}

function read(schema: z.ZodType, line: string, where: string): object {
  const parsed = schema.safeParse(parseJson(line))
  if (parsed.success && typeof parsed.data === 'object' && parsed.data !== null) return parsed.data
  const issue = parsed.error?.issues[0]
  // Of the value nothing is said: it may be a secret.
  throw refusal(`${where}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is no row'}`)
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function resealedUpstream(row: z.output<typeof upstreamRow>, { theirs, ours }: Keys, where: string): object {
  const { host, settings, sealedPassword } = row
  const secrets = openOrRefuse(theirs, sealedPassword, host, where)
  const { password } = secrets
  try {
    const sent = { ...settings, ...(password !== undefined && { password }) }
    readUpstream(host, sent, { settings, secrets })
  } catch (error) {
    if (!(error instanceof ProductError)) throw error
    throw refusal(`${where}: ${error.message}`)
  }
  return { ...row, sealedPassword: sealSecrets(ours, host, secrets) }
}

function openOrRefuse(theirs: Sealing, sealed: string | null, host: string, where: string): UpstreamSecrets {
  try {
    return openSecrets(theirs, host, sealed)
  } catch (error) {
    throw refusal(`${where}: the password of ${host} cannot be opened by the key in the backup`, error)
  }
}

/** A password of the past that its own box could not open either stays as it is. */
function resealedHistory(row: z.output<typeof configurationRow>, { theirs, ours }: Keys): object {
  const upstreams = row.intent.upstreams.map(({ sealedPassword, ...upstream }) => {
    const { host } = upstream
    try {
      const secrets = openSecrets(theirs, host, sealedPassword)
      return { ...upstream, sealedPassword: sealSecrets(ours, host, secrets) }
    } catch {
      return { ...upstream, sealedPassword }
    }
  })
  return { ...row, intent: { ...row.intent, upstreams } }
}
