import { access, chmod, constants, mkdir } from 'node:fs/promises'
import path from 'node:path'

import type { Clock } from '../../system/clock.js'
import type { Random } from '../../system/random.js'
import { StartRefused } from '../start-refused.js'
import type { Account } from './account.js'
import { chooseAccount, giveTo } from './choose-account.js'
import { refusingIn } from '../file-refusals.js'
import { findPackage, type PostgresPackage } from './find-package.js'
import { installServer, removeOldServers } from './install-server.js'
import { findCluster, makeCluster, readPassword } from './make-cluster.js'
import { endOrphan } from './orphan.js'
import { type PostgresPlaces, postgresPlaces } from './postgres-places.js'
import { prepareDatabase } from './prepare-database.js'
import { launch, type ServerOptions, type ServerProcess } from './server-process.js'

export interface PostgresOptions {
  /** Absolute; everything that the server keeps. */
  readonly folder: string
  /** Absolute; the socket lies below it. */
  readonly runFolder: string
  readonly clock: Clock
  /** Told to the person who started the box, a line each. */
  readonly say: (line: string) => void
  readonly random: Random
  readonly found?: PostgresPackage
  /** `false` only where nothing is to survive (tests). */
  readonly durable?: boolean
  /** Whether it ends by itself when the box is killed, where the machine can do that; the next start ends it anyway. */
  readonly endsWithBox?: boolean
  /** Told to stop: what was begun is ended. */
  readonly signal?: AbortSignal
}

/** A running server with the product's database in it. */
export interface Postgres {
  /** For `pg` and TypeORM; holds the password. */
  readonly url: string
  /** Resolves when the server is gone, wanted or not, with the reason. Whoever started it starts it again. */
  readonly exited: Promise<string>
  /** Answers when the server has ended; may be called again. */
  stop(): Promise<void>
}

/**
 * Starts the PostgreSQL that npm brought, on data that survives: the first time it makes the database, after a kill -9
 * of the box it ends the server that was left, after a kill -9 of the server it recovers.
 * @throws StartRefused when it cannot run here, and the signal's reason
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const {
    folder,
    runFolder,
    clock,
    say,
    random,
    durable = true,
    endsWithBox = false,
    signal = new AbortController().signal,
  } = options
  const places = postgresPlaces(folder, runFolder)
  const found = options.found ?? findPackage()
  await makeFolders(places)
  const cluster = await findCluster(places)
  if (cluster !== undefined && cluster.major !== found.major)
    throw new StartRefused('postgres-other-major', {
      folder: places.cluster,
      found: cluster.major,
      brought: found.major,
    })
  const server = await refusingIn(folder, async () => installServer(found, folder, random))
  signal.throwIfAborted()
  await refusingIn(folder, async () => endOrphan(places, clock, say, signal))
  await refusingIn(folder, async () => removeOldServers(folder, server))
  const postgres = path.join(server, 'bin', 'postgres')
  const reach = { postgres, folders: [folder, runFolder] }
  const account = await chooseAccount(reach, cluster?.owner)
  await refusingIn(runFolder, async () => giveTo(account, places.socketFolder))
  if (cluster === undefined) {
    say('Making the database (PostgreSQL), once.')
    const initdb = path.join(server, 'bin', 'initdb')
    await refusingIn(folder, async () => makeCluster({ places, initdb, account, random, durable, signal }))
  }
  signal.throwIfAborted()
  return run(places, postgres, account, { clock, say, durable, endsWithBox, signal })
}

/** Those that it makes let others pass, whatever the umask: the server runs as another user when root starts it. */
async function makeFolders({ folder, socketFolder }: PostgresPlaces): Promise<void> {
  for (const open of [folder, path.dirname(socketFolder)])
    await refusingIn(open, async () => {
      if ((await mkdir(open, { recursive: true })) !== undefined) await chmod(open, 0o755)
      await access(open, constants.W_OK)
    })
  await refusingIn(socketFolder, async () => mkdir(socketFolder, { recursive: true, mode: 0o700 }))
}

/** @throws the signal's reason, without waiting any longer */
async function unlessAborted<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    signal.throwIfAborted()
    return await Promise.race([awaited, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function run(
  places: PostgresPlaces,
  postgres: string,
  account: Account,
  {
    signal,
    ...wishes
  }: Pick<ServerOptions, 'clock' | 'say' | 'durable' | 'endsWithBox'> & { readonly signal: AbortSignal },
): Promise<Postgres> {
  const password = await readPassword(places)
  await giveTo(account, places.data)
  const server = launch({ places, postgres, account, ...wishes })
  try {
    // It may recover for minutes.
    if (!(await unlessAborted(server.ready, signal))) throw await didNotStart(places, server)
    const url = await prepareDatabase({ socketFolder: places.socketFolder, password })
    return { url, exited: server.exited, stop: async () => server.stop() }
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function didNotStart({ folder }: PostgresPlaces, server: ServerProcess): Promise<StartRefused> {
  const how = await server.exited
  const lines = server.lastLines()
  if (lines.some((line) => line.includes('No space left on device')))
    return new StartRefused('disk-full', { folder })
  const errors = lines.filter((line) => /^(FATAL|PANIC|ERROR|HINT)|error/.test(line))
  return new StartRefused('postgres-did-not-start', { folder, reason: errors.join('\n') || how })
}
