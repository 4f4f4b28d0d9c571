import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { z } from 'zod'
import type { Clock } from '../system/clock.js'
import { findFileRefusal } from './file-refusals.js'
import { findProgram } from './find-program.js'
import type { BoxPlaces } from './box-places.js'
import { type LockHolder, StartRefused } from './start-refused.js'

/** What flock(1) answers when somebody else holds it; 1 is also what a file system without locks gives. */
const HELD = 75
const HOLDER = z.object({ pid: z.number(), since: z.string(), host: z.string() })
const OURS = 3

/**
 * One box at a time has a data folder: two would render one configuration, and two Postgres servers on one database
 * destroy it. The kernel's lock ends with this process, however it ends, and holds across containers that share the
 * folder; Node has none, so flock(1) takes it on a file that we keep open.
 * @throws StartRefused `folder-in-use`, `flock-missing`, `folder-not-lockable`, `folder-not-writable` or `disk-full`
 */
export function lockDataFolder(
  { data, run }: Pick<BoxPlaces, 'data' | 'run'>,
  clock: Clock,
  searchPath?: string,
): void {
  const flock = findProgram('flock', searchPath)
  if (flock === undefined) throw new StartRefused('flock-missing', {})
  const file = path.join(run, 'box.lock')
  const lock = openLockFile(data, file)
  const { status, error } = spawnSync(
    flock,
    ['--nonblock', '--conflict-exit-code', String(HELD), String(OURS)],
    {
      stdio: ['ignore', 'ignore', 'ignore', lock],
    },
  )
  if (status === HELD) throw new StartRefused('folder-in-use', { folder: data, holder: holderOf(file) })
  if (error !== undefined || status !== 0) {
    const reason = error?.message ?? `flock ended with ${status}`
    throw new StartRefused('folder-not-lockable', { file, reason }, { cause: error })
  }
  fs.ftruncateSync(lock)
  const holder = { pid: process.pid, since: clock.now().toISOString(), host: os.hostname() }
  fs.writeSync(lock, JSON.stringify(holder), 0)
}

function openLockFile(data: string, file: string): number {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true })
    const lock = fs.openSync(file, 'a+', 0o600)
    fs.fchmodSync(lock, 0o600) // whoever may read it may lock it: one that is there may be for everybody
    return lock
  } catch (error) {
    throw findFileRefusal(data, error) ?? error
  }
}

/** `undefined` while it has not written who it is. */
function holderOf(file: string): LockHolder | undefined {
  const holder = HOLDER.safeParse(jsonOf(fs.readFileSync(file, 'utf8')))
  if (!holder.success) return undefined
  const { pid, since, host } = holder.data
  return { pid, since: since.replace(/\.\d+Z$/, 'Z'), host: host === os.hostname() ? undefined : host }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // written this moment
  }
}
