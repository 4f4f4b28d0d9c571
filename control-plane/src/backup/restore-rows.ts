import type { EntityManager } from 'typeorm'
import type { z } from 'zod'

import { ENVIRONMENT } from '../access/admin-token.schema.js'
import { codeOf } from '../database/unavailable.js'
import { nextVersion } from '../front/intent.js'
import { ProductError } from '../http/product-error.js'
import { Sealing } from '../system/sealed.js'
import { readUpstream } from '../upstreams/upstream.schema.js'
import {
  HIDDEN,
  openSecrets,
  sealSecrets,
  splitProxy,
  type UpstreamSecrets,
} from '../upstreams/upstream-secrets.js'
import { refusal, type UnpackedBackup } from './read-backup.js'
import { auditRow, configurationRow, type Table, TABLES, upstreamRow } from './tables.js'

/** What the passwords of a backup are sealed by, and what they are to be sealed by. */
export interface Keys {
  readonly theirs: Sealing
  readonly ours: Sealing
}

/** Of so many rows, and of comparing them with those that are there. */
const STATEMENT_MS = 60_000

/** Of objects and lists within each other: a row of more cannot be written as JSON again. */
const LEVELS = 100

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
    for await (const rows of rowsOf(backup, table, keys))
      count += await insertOrRefuse(manager, table, rows, version)
    written[table.name] = count
  }
  return written
}

/** What Postgres does not take of a row is the backup's fault: class 22 (values), 23 (keys), 54 (what is too large for it). */
async function insertOrRefuse(...what: Parameters<typeof insert>): Promise<number> {
  try {
    return await insert(...what)
  } catch (error) {
    const code = codeOf(error)
    if (!/^(?:22|23|54)\w{3}$/.test(code)) throw error
    const [, { name }] = what
    // Not in Postgres's words, which have the value in them.
    if (code === '23505') throw refusal(`of two rows of ${name} one is the other again`, error)
    throw refusal(`a row of ${name} has a value that the database does not take (SQLSTATE ${code})`, error)
  }
}

/** Versions are this box's, the same for all: those of the backup, added or kept, could reach the end of their column. */
async function insert(
  manager: EntityManager,
  { name, columns, addedBy }: Table,
  rows: readonly object[],
  version: number,
): Promise<number> {
  const quoted = Object.keys(columns).map((column) => `"${column}"`)
  const values = quoted.map((column) => (column === '"version"' ? String(version) : `r.${column}`))
  const types = Object.entries(columns)
    .filter(([column]) => column !== 'version')
    .map(([column, type]) => `"${column}" ${type}`)
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
  if (table.row === auditRow) return withoutProxyPasswords(auditRow.parse(row))
  return row
}

function read(schema: z.ZodType, line: string, where: string): object {
  const value = parseJson(line)
  if (isDeep(value, LEVELS)) throw refusal(`${where}: it has more than ${LEVELS} levels`)
  const parsed = schema.safeParse(value)
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

function isDeep(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((each) => isDeep(each, levels - 1))
}

function resealedUpstream(row: z.output<typeof upstreamRow>, { theirs, ours }: Keys, where: string): object {
  const { host, settings, sealedPassword } = row
  const before = openOrRefuse(theirs, sealedPassword, host, where)
  const { password } = before
  try {
    const sent = { ...settings, ...(password !== undefined && { password }) }
    const read = readUpstream(host, sent, { settings, secrets: before })
    return { ...row, settings: read.settings, sealedPassword: sealSecrets(ours, host, read.secrets) }
  } catch (error) {
    if (!(error instanceof ProductError)) throw error
    throw refusal(`${where}: ${error.message}`)
  }
}

function openOrRefuse(theirs: Sealing, sealed: string | null, host: string, where: string): UpstreamSecrets {
  try {
    return openSecrets(theirs, host, sealed)
  } catch (error) {
    throw refusal(`${where}: the password of ${host} cannot be opened by the key in the backup`, error)
  }
}

/** A password of the past that its own box could not open either stays as it is; that of a proxy was not always hidden. */
function resealedHistory(row: z.output<typeof configurationRow>, { theirs, ours }: Keys): object {
  let files = Object.entries(row.files)
  const upstreams = row.intent.upstreams.map(({ host, settings: before, sealedPassword }) => {
    const { shown, password } = splitProxy(before['proxy'])
    const isInClear = password !== undefined && password !== HIDDEN
    const settings = isInClear ? { ...before, proxy: shown } : before
    const hidden = (text: string) => text.replaceAll(String(before['proxy']), () => String(shown)) // `$&` is a name like any other
    if (isInClear) files = files.map(([name, text]) => [name, hidden(text)])
    try {
      const secrets = openSecrets(theirs, host, sealedPassword)
      const all = isInClear ? { ...secrets, proxyPassword: password } : secrets
      return { host, settings, sealedPassword: sealSecrets(ours, host, all) }
    } catch {
      return { host, settings, sealedPassword }
    }
  })
  return { ...row, intent: { ...row.intent, upstreams }, files: Object.fromEntries(files) }
}

/** The same in the audit, which had the settings of upstreams with it. */
function withoutProxyPasswords(row: z.output<typeof auditRow>): object {
  return { ...row, before: withHiddenProxy(row.before), after: withHiddenProxy(row.after) }
}

function withHiddenProxy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('proxy' in value)) return value
  return { ...value, proxy: splitProxy(value.proxy).shown }
}
