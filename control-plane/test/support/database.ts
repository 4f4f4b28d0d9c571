import { spawn } from 'node:child_process'
import { chmod, mkdtemp } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

import { Client } from 'pg'

import { startPostgres } from '#control/box/postgres/start-postgres.js'
import { systemClock } from '#control/system/clock.js'
import { systemRandom } from '#control/system/random.js'

/** A real PostgreSQL for the tests of one file, without fsync: nothing of it is to survive. */
export interface TestPostgres {
  /** The address of a fresh database, a copy of what `prepare` made. */
  freshDatabase(): Promise<string>
  /** Of one to which nobody is connected. */
  copyOf(url: string): Promise<string>
  /** Ends the server and removes its folder. Whatever still is connected is cut off. */
  stop(): Promise<void>
}

/**
 * Starts one. `prepare` fills the database that all others are copied from (migrations, once), and leaves no connection
 * open: PostgreSQL copies only what nobody uses.
 */
export async function startTestPostgres(
  prepare: (url: string) => Promise<void> = async () => undefined,
): Promise<TestPostgres> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'e-'))
  await chmod(folder, 0o711) // as root the server runs as nobody
  const remove = removeWithParent(folder)
  const server = await startPostgres({
    folder: path.join(folder, 'postgres'),
    runFolder: path.join(folder, 'run'),
    clock: systemClock,
    random: systemRandom,
    say: () => undefined,
    durable: false,
  })
  await prepare(server.url)
  let made = 0
  async function copy(template: string): Promise<string> {
    const database = `test_${++made}`
    await copyDatabase(server.url, database, template)
    return server.url.replace('@/entrepot?', `@/${database}?`)
  }
  return {
    freshDatabase: () => copy('entrepot'),
    copyOf: (url) => copy(/@\/(\w+)\?/.exec(url)?.[1] ?? ''),
    async stop() {
      await server.stop()
      await remove()
    },
  }
}

async function copyDatabase(url: string, name: string, template: string): Promise<void> {
  const administrator = url.replace('//entrepot:', '//postgres:').replace('@/entrepot?', '@/postgres?')
  const client = new Client({ connectionString: administrator })
  await client.connect()
  try {
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER entrepot STRATEGY file_copy`)
  } finally {
    await client.end()
  }
}

/** A jest worker may be killed: a shell then ends the server that it left, by the pid in its lock, and removes the folder. */
function removeWithParent(folder: string): () => Promise<void> {
  const script =
    'cat >/dev/null; pid=$(head -n 1 "$0/postgres/cluster/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"; rm -rf "$0"'
  const shell = spawn('/bin/sh', ['-c', script, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  shell.once('exit', () => resolve())
  return async () => {
    shell.stdin?.end()
    await promise
  }
}
