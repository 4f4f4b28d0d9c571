import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { z } from 'zod'
import type { Clock } from '../system/clock.js'
import type { BoxPlaces } from './places.js'
import { StartRefused } from './start-refused.js'

/** What flock(1) answers when somebody else holds it; 1 is also what a file system without locks gives. */
const HELD = 75
const HOLDER = z.object({ pid: z.number(), since: z.string(), host: z.string() })
const OURS = 3

/**
 * One box at a time has a data folder: two would render one configuration, and two Postgres servers on one database
 * destroy it. The kernel's lock ends with this process, however it ends, and holds across containers that share the
 * folder; Node has none, so flock(1) takes it on a file that we keep open.
 * @throws StartRefused that says who has it
 */
export function lockDataFolder({ data, run }: Pick<BoxPlaces, 'data' | 'run'>, clock: Clock): void {
  const file = path.join(run, 'box.lock')
  const lock = openLockFile(file)
  const { status, error } = spawnSync(
    'flock',
    ['--nonblock', '--conflict-exit-code', String(HELD), String(OURS)],
    {
      stdio: ['ignore', 'ignore', 'ignore', lock],
    },
  )
  if (status === HELD) throw new StartRefused(`${data} is in use by ${holderOf(file)}`)
  if (error !== undefined || status !== 0) {
    throw new StartRefused(`${file} cannot be locked (${error?.message ?? `flock ended with ${status}`})`)
  }
  fs.ftruncateSync(lock)
  const holder = { pid: process.pid, since: clock.now().toISOString(), host: os.hostname() }
  fs.writeSync(lock, JSON.stringify(holder), 0)
}

function openLockFile(file: string): number {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true })
    const lock = fs.openSync(file, 'a+', 0o600)
    fs.fchmodSync(lock, 0o600) // whoever may read it may lock it: one that is there may be for everybody
    return lock
  } catch (error) {
    throw new StartRefused(
      `ENTREPOT_DATA cannot be used: ${Error.isError(error) ? error.message : String(error)}`,
    )
  }
}

/** In words, also what to do. */
function holderOf(file: string): string {
  const holder = HOLDER.safeParse(jsonOf(fs.readFileSync(file, 'utf8')))
  if (!holder.success)
    return 'another npm start that is just beginning: wait for it, or choose another folder'
  const { pid, since, host } = holder.data
  const where = host === os.hostname() ? '' : ` on ${host}`
  return (
    `another npm start: process ${pid}${where}, since ${since.replace(/\.\d+Z$/, 'Z')}: ` +
    `stop it (kill ${pid}), or choose another folder: ENTREPOT_DATA=/another/folder npm start`
  )
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // written this moment
  }
}
