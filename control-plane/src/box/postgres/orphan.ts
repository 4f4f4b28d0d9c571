import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import path from 'node:path'

import type { Clock } from '../../system/clock.js'
import { errorCode } from '../../system/error-code.js'
import { StartRefused } from '../start-refused.js'
import { refusingIn } from '../file-refusals.js'
import type { PostgresPlaces } from './postgres-places.js'

const ENDS_WITHIN_MS = 30_000
const LOOK_AGAIN_MS = 25

/**
 * After kill -9 of the box its server lives on; after kill -9 of the server its sessions do, for a moment. Ends the one
 * and waits for the others, so that there are never two servers on one data directory.
 * @throws StartRefused when they do not end, and the signal's reason
 */
export async function endOrphan(
  { data, socketFolder }: PostgresPlaces,
  clock: Clock,
  say: (line: string) => void,
  aborted: AbortSignal,
): Promise<void> {
  const lock = path.join(data, 'postmaster.pid')
  const folder = await realpath(data).catch(() => undefined)
  if (folder === undefined) return
  const pid = await findServer(lock, folder)
  if (pid !== undefined) {
    say(`A PostgreSQL of an earlier start still runs (pid ${pid}): ending it.`)
    signal(pid, 'SIGINT')
  }
  if (!(await haveEnded(folder, clock, aborted))) {
    if (pid !== undefined) signal(pid, 'SIGQUIT') // immediate shutdown: the next start recovers
    if (!(await haveEnded(folder, clock, aborted)))
      throw new StartRefused('postgres-still-running', { folder, pids: await processesIn(folder) })
  }
  // Locks whose number is another program's by now would keep the server from starting, and so would the number of a
  // server that ended and that nobody waited for: process 1 of a container often waits for none.
  await rm(lock, { force: true })
  await refusingIn(socketFolder, async () => {
    for (const name of await readdir(socketFolder)) await rm(path.join(socketFolder, name), { force: true })
  })
}

/** The server that the lock file names: alive, and at work in that very folder. */
async function findServer(lock: string, folder: string): Promise<number | undefined> {
  const text = await readFile(lock, 'utf8').catch(() => '')
  const pid = Number(text.split('\n', 1).join())
  return Number.isInteger(pid) && pid > 1 && (await worksIn(pid, folder)) ? pid : undefined
}

async function haveEnded(folder: string, clock: Clock, aborted: AbortSignal): Promise<boolean> {
  const end = clock.elapsedMs() + ENDS_WITHIN_MS
  while ((await processesIn(folder)).length > 0) {
    aborted.throwIfAborted()
    if (clock.elapsedMs() >= end) return false
    await clock.sleep(LOOK_AGAIN_MS)
  }
  return true
}

async function processesIn(folder: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger)
  const found = await Promise.all(pids.map(async (pid) => ((await worksIn(pid, folder)) ? [pid] : [])))
  return found.flat()
}

/** The server and its sessions have the data directory as their working directory. */
async function worksIn(pid: number, folder: string): Promise<boolean> {
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined) // gone, or another user's
  if (cwd !== folder) return false
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'postgres'
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error // it ended by itself
  }
}
