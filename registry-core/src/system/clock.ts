import { setTimeout as delay } from 'node:timers/promises'

/** Time, and everything that waits: the only place where timers are made. */
export interface Clock {
  now(): Date
  /** Milliseconds that only grow, for durations. */
  elapsedMs(): number
  /** @throws the signal's reason when it is aborted meanwhile */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `run` each `ms`, never before the previous call has ended; answers what stops it. */
  every(ms: number, run: () => Promise<void>): () => void
  /** Calls `run` once after `ms`; answers what cancels it. */
  after(ms: number, run: () => void): () => void
}

/** The machine's clock. Its timers never keep the process alive. */
export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { ref: false, ...(signal && { signal }) })
  },
  every(ms, run) {
    let running = false
    const timer = setInterval(() => {
      if (running) return
      running = true
      void run().finally(() => {
        running = false
      })
    }, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
