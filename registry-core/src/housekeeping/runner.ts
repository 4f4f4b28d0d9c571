import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { Job } from './jobs.js'

/** What runs the jobs, until it is stopped. */
export interface Housekeeping {
  /** Ends what runs now, and waits for it. */
  stop(): Promise<void>
}

/** Runs each job when it is first due, and then each time its interval is over, unless it still runs; a job that fails is tried again the next time. */
export function startHousekeeping({
  jobs,
  clock,
  log,
}: {
  readonly jobs: readonly Job[]
  readonly clock: Clock
  readonly log: Log
}): Housekeeping {
  const ending = new AbortController()
  const running = new Map<Job, Promise<void>>()
  const start = async (job: Job): Promise<void> => {
    if (running.has(job)) return
    const run = runOnce(job, ending.signal, log).finally(() => running.delete(job))
    running.set(job, run)
    await run
  }
  const stops = jobs.flatMap((job) => [
    clock.after(job.firstAfterMs, () => void start(job)),
    clock.every(job.everyMs, () => start(job)),
  ])
  return {
    async stop() {
      for (const stop of stops) stop()
      ending.abort()
      await Promise.all(running.values())
    },
  }
}

async function runOnce(job: Job, signal: AbortSignal, log: Log): Promise<void> {
  try {
    const said = await job.run(signal)
    if (said !== undefined) log.info({ job: job.name }, said)
  } catch (error) {
    if (signal.aborted) return
    log.error({ job: job.name, error: Error.isError(error) ? error.stack : String(error) }, 'a job failed')
  }
}
