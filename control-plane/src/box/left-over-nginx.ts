import fs from 'node:fs'
import path from 'node:path'
import { errorCode } from '../system/error-code.js'
import type { Clock } from '../system/clock.js'
import type { BoxPlaces } from './box-places.js'

export interface LeftOverOptions {
  readonly clock: Clock
  readonly say: (line: string) => void
}

const POLL_MS = 50
/** Each signal gets so long; the next one is ruder. */
const PATIENCE: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGQUIT', 10_000],
  ['SIGTERM', 3000],
  ['SIGKILL', 3000],
]

/**
 * An nginx that outlived its box: `npm start` was killed, and transfers still run, or nobody could tell nginx. Ends it, since
 * it has the ports and would remove the new one's pid file. (The other parts end by themselves, and may run beside new ones.)
 */
export async function endLeftOverNginx({ nginx }: BoxPlaces, { clock, say }: LeftOverOptions): Promise<void> {
  for (const [signal, patienceMs] of PATIENCE) {
    const left = nginxOf(nginx)
    if (left.length === 0) return
    say(
      `nginx of an earlier start still runs (${left.join(', ')}): it gets ${signal}, and ${patienceMs / 1000} s to end`,
    )
    for (const pid of left) tell(pid, signal)
    const deadlineMs = clock.elapsedMs() + patienceMs
    while (nginxOf(nginx).length > 0 && clock.elapsedMs() < deadlineMs) await clock.sleep(POLL_MS)
  }
}

/** Masters, and workers that have lost theirs: who has the error log of this folder open. */
function nginxOf(prefix: string): readonly number[] {
  if (!fs.existsSync(prefix)) return []
  const log = path.join(fs.realpathSync(prefix), 'logs', 'error.log')
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => isNginx(pid) && hasOpen(pid, log)).map(Number)
}

function isNginx(pid: string): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('nginx: ')
  } catch {
    return false // gone
  }
}

function hasOpen(pid: string, file: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`
    return fs.readdirSync(folder).some((fd) => fs.readlinkSync(`${folder}/${fd}`) === file)
  } catch {
    return false // gone, or another user's
  }
}

function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error // it ended by itself
  }
}
