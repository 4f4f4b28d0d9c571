import type { Clock } from '../system/clock.js'
import type { Box } from './box.js'

export interface Stopping {
  /** Whether somebody has asked. */
  hasBegun(): boolean
  /** Resolves with the exit code when all is gone; 1 when it was ended at once. */
  readonly done: Promise<number>
}

export interface StopOptions {
  readonly clock: Clock
  readonly say: (line: string) => void
}

/** A terminal sends Ctrl-C to npm and to us, and npm sends it to us once more: within this time it is one. */
const ONE_CTRL_C_MS = 500
const PARENT_POLL_MS = 1000

/** First signal: transfers end. A second one, later: all ends at once (the store survives that). */
export function stopWhenAsked(box: Pick<Box, 'stop' | 'kill'>, { clock, say }: StopOptions): Stopping {
  const done = Promise.withResolvers<number>()
  let firstMs: number | undefined
  let isKilled = false
  function asked(): void {
    const now = clock.elapsedMs()
    if (firstMs === undefined) {
      firstMs = now
      say('Stopping: running transfers may end; Ctrl-C again ends them.')
      void box.stop().then(() => done.resolve(isKilled ? 1 : 0), done.reject)
    } else if (now - firstMs > ONE_CTRL_C_MS && !isKilled) {
      isKilled = true
      box.kill()
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, asked)
  void whenParentIsGone(clock).then(() => firstMs ?? asked())
  return { hasBegun: () => firstMs !== undefined, done: done.promise }
}

/** npm that was killed passes nothing on: a box that nobody can stop any more would keep its ports. */
async function whenParentIsGone(clock: Clock): Promise<void> {
  const parent = process.ppid
  while (process.ppid === parent) await clock.sleep(PARENT_POLL_MS)
}
