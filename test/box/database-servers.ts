import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { type Postgres, startPostgres } from '#control/box/postgres/start-postgres.js'
import { dataSource } from '#control/database/open-source.js'
import { systemClock } from '#control/system/clock.js'
import { systemRandom } from '#control/system/random.js'

import { eventually } from '../support/eventually.js'
import { type RunningProcess, runToEnd, startProcess } from '../support/processes.js'

export const PASSWORD = 'a-password-of-the-tests'
const DEBIANS = '/usr/lib/postgresql'

/** A PostgreSQL of the tests, with all that it has in one folder. */
export interface DatabaseServer {
  readonly socketFile: string
  /** What its first process is. */
  pid(): number
  start(): Promise<void>
  /** Fast, as by SIGINT. */
  stop(): Promise<void>
  /** One statement of the superuser. */
  administer(statement: string): Promise<unknown>
}

/** Makes the product's role and database on a server that runs. */
export async function makeDatabase(server: DatabaseServer): Promise<void> {
  await server.administer(`CREATE ROLE box LOGIN PASSWORD '${PASSWORD}'`)
  await server.administer('CREATE DATABASE box OWNER box')
}

async function once(url: string, statement: string): Promise<unknown> {
  const source = await dataSource(url).initialize()
  try {
    return await source.query(statement)
  } finally {
    await source.destroy()
  }
}

/** That of npm, as the box starts it. */
export class EmbeddedServer implements DatabaseServer {
  readonly #folder: string
  #running: Postgres | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  get socketFile(): string {
    return path.join(this.#folder, 'run/postgres/.s.PGSQL.5432')
  }

  pid(): number {
    const lock = path.join(this.#folder, 'postgres/cluster/data/postmaster.pid')
    return Number(readFileSync(lock, 'utf8').split('\n', 1).join())
  }

  async start(): Promise<void> {
    chmodSync(this.#folder, 0o755)
    this.#running = await startPostgres({
      ...{ folder: path.join(this.#folder, 'postgres'), runFolder: path.join(this.#folder, 'run') },
      ...{ clock: systemClock, random: systemRandom, say: () => undefined, durable: false },
    })
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
  }

  administer(statement: string): Promise<unknown> {
    const url = this.#running?.url ?? ''
    return once(url.replace('//entrepot:', '//postgres:').replace('@/entrepot?', '@/postgres?'), statement)
  }
}

/** That of Debian's package, made and run by its programs as its user. */
export class DebianServer implements DatabaseServer {
  readonly #folder: string
  readonly #data: string
  #running: RunningProcess | undefined

  constructor(folder: string) {
    this.#folder = folder
    this.#data = path.join(folder, 'data')
  }

  get socketFile(): string {
    return path.join(this.#folder, 'run/.s.PGSQL.5432')
  }

  pid(): number {
    return Number(readFileSync(path.join(this.#data, 'postmaster.pid'), 'utf8').split('\n', 1).join())
  }

  async start(): Promise<void> {
    if (this.#running === undefined) await this.#make()
    const settings = {
      listen_addresses: '',
      unix_socket_directories: path.join(this.#folder, 'run'),
      max_connections: 40,
      fsync: 'off',
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    this.#running = await startProcess(...(await asPostgres('postgres', ['-D', this.#data, ...options])))
    const running = this.#running
    await eventually('it takes connections', () => {
      if (/FATAL|PANIC/.test(running.log())) throw new Error(running.log())
      return running.log().includes('ready to accept connections')
    })
  }

  async stop(): Promise<void> {
    this.#running?.signal('SIGINT')
    await this.#running?.ended
  }

  administer(statement: string): Promise<unknown> {
    const host = encodeURIComponent(path.join(this.#folder, 'run'))
    return once(`postgres://postgres:${PASSWORD}@/postgres?host=${host}&port=5432`, statement)
  }

  async #make(): Promise<void> {
    chmodSync(this.#folder, 0o755)
    const own = [this.#data, path.join(this.#folder, 'run')]
    for (const folder of own) mkdirSync(folder)
    const password = path.join(this.#folder, 'password')
    writeFileSync(password, PASSWORD)
    await done('chown', ['-R', 'postgres:', ...own, password])
    const args = ['-D', this.#data, '-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', password, '-N']
    await done(...(await asPostgres('initdb', args)))
  }
}

async function asPostgres(program: string, args: readonly string[]): Promise<[string, readonly string[]]> {
  const versions = readdirSync(DEBIANS).toSorted((one, other) => Number(other) - Number(one))
  const file = path.join(DEBIANS, versions[0] ?? '', 'bin', program)
  // LC_ALL: its words in English, whatever the machine speaks.
  return [
    'setpriv',
    ['--reuid=postgres', '--regid=postgres', '--clear-groups', 'env', 'LC_ALL=C', file, ...args],
  ]
}

async function done(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runToEnd(program, args, { cwd: '/' })
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr}`)
}
