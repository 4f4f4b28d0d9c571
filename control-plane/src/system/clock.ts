import { setTimeout as delay } from 'node:timers/promises'

/** Time, so that tests can move it. Everything that waits or asks the time receives one. */
export interface Clock {
  now(): Date
  /** Milliseconds that only grow, for durations. */
  elapsedMs(): number
  /** @throws the signal's reason when it is aborted meanwhile */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's clock. Its timers keep the process alive: what waits here is still needed. */
export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { ...(signal && { signal }) })
  },
}
