import fs from 'node:fs'
import path from 'node:path'
import type { Clock } from '../system/clock.js'
import type { BoxPlaces } from './places.js'

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
  const pid = findNginxOf(nginx)
  if (pid === undefined) return
  for (const [signal, patienceMs] of PATIENCE) {
    say(
      `nginx of an earlier start still runs, process ${pid}: it gets ${signal}, and ${patienceMs / 1000} s to end`,
    )
    process.kill(pid, signal)
    const deadlineMs = clock.elapsedMs() + patienceMs
    while (clock.elapsedMs() < deadlineMs) {
      if (findNginxOf(nginx) === undefined) return
      await clock.sleep(POLL_MS)
    }
  }
}

/** The master whose pid file lies in this folder, when that is what runs under this number. */
function findNginxOf(prefix: string): number | undefined {
  const file = path.join(prefix, 'nginx.pid')
  const pid = fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8')) : 0
  return pid > 1 && commandOf(pid).includes(`-p ${prefix} `) ? pid : undefined
}

function commandOf(pid: number): string {
  try {
    const text = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    return text.startsWith('nginx: master') || text.includes('nginx ') ? text : ''
  } catch {
    return '' // gone
  }
}
