import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'

import type { Random } from '../../system/random.js'
import { StartRefused } from '../start-refused.js'
import { type Account, runAs, starter, syncDisk } from './account.js'
import { giveTo } from './choose-account.js'
import type { PostgresPlaces } from './postgres-places.js'

/** Owns the server; the product itself connects as a role that cannot leave its database. */
export const SUPERUSER = 'postgres'

const UNFINISHED = 'cluster-'

/** What is there already. `undefined`: nothing, this is the first start. */
export interface FoundCluster {
  readonly major: string
  readonly owner: number
}

/**
 * @throws StartRefused when the data is another user's or not readable as a data directory
 */
export async function findCluster({ cluster, data }: PostgresPlaces): Promise<FoundCluster | undefined> {
  const found = await stat(data).catch(() => undefined)
  if (found === undefined) return undefined
  const { uid } = starter()
  if (uid !== 0 && uid !== found.uid)
    throw new StartRefused('postgres-foreign-data', { folder: cluster, owner: found.uid, uid })
  const major = await readFile(path.join(data, 'PG_VERSION'), 'utf8').catch(() => undefined)
  if (major === undefined) throw new StartRefused('postgres-folder-incomplete', { data, cluster })
  return { major: major.trim(), owner: found.uid }
}

/** Options of the making of a database. */
export interface ClusterOptions {
  readonly places: PostgresPlaces
  readonly initdb: string
  readonly account: Account
  readonly random: Random
  /** `false` only where nothing is to survive (tests). */
  readonly durable: boolean
  readonly signal: AbortSignal
}

/** Makes an empty database with a password of its own, all of it or nothing. @throws the signal's reason */
export async function makeCluster({
  places,
  initdb,
  account,
  random,
  durable,
  signal,
}: ClusterOptions): Promise<void> {
  await removeUnfinished(places.folder)
  const unfinished = path.join(places.folder, `${UNFINISHED}${random.uuid()}`)
  const [data, password] = [path.join(unfinished, 'data'), path.join(unfinished, 'password')]
  await mkdir(unfinished)
  await chmod(unfinished, 0o755) // the server's account passes it, whatever the umask
  await mkdir(data, { mode: 0o700 })
  await writeFile(password, `${random.bytes(24).toString('hex')}\n`, { mode: 0o600 })
  await giveTo(account, data)
  await giveTo(account, password) // initdb reads it as that account, nobody does later
  const { ok, output } = await runAs(account, initdb, initdbArguments(data, password, durable), signal)
  if (signal.aborted) await removeUnfinished(places.folder)
  signal.throwIfAborted()
  if (!ok) throw initdbRefused(places, output)
  const { uid, gid } = starter()
  await chown(password, uid, gid)
  if (durable) await syncDisk(unfinished)
  await rename(unfinished, places.cluster)
}

function initdbArguments(data: string, password: string, durable: boolean): readonly string[] {
  return [
    ...['-D', data, '-U', SUPERUSER, `--pwfile=${password}`, '--auth=scram-sha-256', '--data-checksums'],
    // The builtin provider: what sorts differently after an update of a library breaks indexes.
    ...['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    ...(durable ? [] : ['--no-sync']),
  ]
}

function initdbRefused({ folder }: PostgresPlaces, output: string): StartRefused {
  if (output.includes('No space left on device')) return new StartRefused('disk-full', { folder })
  const errors = output.split('\n').filter((line) => /error|fatal/i.test(line))
  return new StartRefused('postgres-did-not-start', { folder, reason: errors.join('\n') || output })
}

/** What a start left that was killed. Its initdb may still run and write, until it misses the folder. */
async function removeUnfinished(folder: string): Promise<void> {
  const left = (await readdir(folder)).filter((name) => name.startsWith(UNFINISHED))
  for (const name of left) await rm(path.join(folder, name), { recursive: true, force: true, maxRetries: 10 })
}

/** @throws StartRefused when somebody removed it */
export async function readPassword({ password: file, cluster }: PostgresPlaces): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw new StartRefused('postgres-password-missing', { file, cluster }, { cause })
  }
}
