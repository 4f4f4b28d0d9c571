import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

import type { Clock } from '../../system/clock.js'
import { endingWithUs } from '../ending-with-us.js'
import { type Account, commandAs } from './account.js'
import { PORT, type PostgresPlaces } from './postgres-places.js'

/** A server that was started: it may still be recovering, or have ended already. */
export interface ServerProcess {
  /** `false`: it ended before it was ready. */
  readonly ready: Promise<boolean>
  /** Why it ended, for people; never rejects. */
  readonly exited: Promise<string>
  /** The last lines that it wrote, the oldest first. */
  lastLines(): readonly string[]
  stop(): Promise<void>
}

/** What a server is started with. `postgres` is the program; `say` hears what its log holds for people. */
export interface ServerOptions {
  readonly places: PostgresPlaces
  readonly postgres: string
  readonly account: Account
  readonly clock: Clock
  readonly say: (line: string) => void
  readonly durable: boolean
  readonly endsWithBox: boolean
}

const READY = 'database system is ready to accept connections'
const KEPT_LINES = 30
/** Sessions are ended at once; what takes time is the last checkpoint on a slow disk. */
const FAST_SHUTDOWN_MS = 60_000
const IMMEDIATE_SHUTDOWN_MS = 10_000
/** Of a server that ended, sessions may hold the pipe a little longer. */
const LAST_LINES_MS = 500

/** Starts the server and does not wait for it. */
export function launch(options: ServerOptions): ServerProcess {
  const { places, postgres, account, clock, say, durable, endsWithBox } = options
  const args = serverArguments(places, durable)
  const server = endsWithBox ? endingWithUs('INT', postgres, args) : { file: postgres, args }
  const command = commandAs(account, server.file, server.args)
  // A session of its own: Ctrl-C in the terminal reaches the box only, which ends its parts in order.
  const child = spawn(command.program, command.args, {
    ...command.options,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const log = followLog(child, say)
  const exited = ending(child, log, clock)
  const ready = Promise.race([log.ready.then(() => true), exited.then(() => false)])
  return { ready, exited, lastLines: () => log.lines, stop: async () => stop(child, exited, clock, log) }
}

/** What the box sets, and postgresql.conf cannot undo. Nothing secret: all users see it in the list of processes. */
function serverArguments({ data, socketFolder }: PostgresPlaces, durable: boolean): readonly string[] {
  const settings = {
    listen_addresses: '',
    port: PORT,
    unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`, // a list: a comma in the path would divide it
    unix_socket_permissions: '0700',
    shared_buffers: '64MB',
    max_connections: 60,
    max_wal_size: '256MB', // bounds both the room on a small disk and the time of a recovery
    io_method: 'sync', // three processes fewer; the database fits into memory
    max_logical_replication_workers: 0,
    // systemd removes the shared memory of a plain user who logs out (RemoveIPC), and containers have little of it.
    dynamic_shared_memory_type: 'mmap',
    ssl: 'off',
    lc_messages: 'C', // READY is looked for in English
    logging_collector: 'off',
    log_destination: 'stderr',
    log_line_prefix: '',
    log_checkpoints: 'off',
    // What a statement did wrong is told to whoever sent it. It may hold values of rows, which belong into no log.
    log_min_messages: 'log',
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    ...(!durable && { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }),
  }
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

interface Log {
  readonly lines: string[]
  readonly ready: Promise<void>
  readonly closed: Promise<void>
  quiet: boolean
}

/** Says what a running server writes; what belongs to starting and stopping is kept only. */
function followLog(child: ChildProcess, say: (line: string) => void): Log {
  const ready = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const log: Log = { lines: [], ready: ready.promise, closed: closed.promise, quiet: true }
  if (child.stderr === null) throw new Error('spawned without a pipe')
  const reader = createInterface({ input: child.stderr })
  reader.on('line', (line) => {
    log.lines.push(line)
    if (log.lines.length > KEPT_LINES) log.lines.shift()
    if (!log.quiet) say(`postgres: ${line}`)
    if (!line.endsWith(READY)) return
    log.quiet = false
    ready.resolve()
  })
  reader.on('close', closed.resolve)
  return log
}

async function ending(child: ChildProcess, log: Log, clock: Clock): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  child.once('error', (error) => resolve(error.message))
  child.once('exit', (code, signal) =>
    resolve(signal === null ? `it exited with ${code}` : `it got ${signal}`),
  )
  const how = await promise
  const patience = new AbortController()
  await Promise.race([log.closed, clock.sleep(LAST_LINES_MS, patience.signal).catch(() => undefined)])
  patience.abort()
  const why = log.lines.findLast((line) => /^(FATAL|PANIC):/.test(line))
  return why === undefined ? how : `${how}: ${why}`
}

async function stop(child: ChildProcess, exited: Promise<string>, clock: Clock, log: Log): Promise<void> {
  log.quiet = true
  const steps = [
    ['SIGINT', FAST_SHUTDOWN_MS], // fast: sessions are ended, everything is written
    ['SIGQUIT', IMMEDIATE_SHUTDOWN_MS], // immediate: the next start recovers
    ['SIGKILL', IMMEDIATE_SHUTDOWN_MS],
  ] as const
  for (const [signal, withinMs] of steps) {
    child.kill(signal)
    const patience = new AbortController()
    const late = clock.sleep(withinMs, patience.signal).then(
      () => true,
      () => false,
    )
    const ended = await Promise.race([exited.then(() => true), late.then((isLate) => !isLate)])
    patience.abort()
    if (ended) return
  }
}
