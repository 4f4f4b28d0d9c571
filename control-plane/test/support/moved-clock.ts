import { systemClock } from '#control/system/clock.js'
import { ClockProvider } from '#control/system/providers.js'

/** The machine's clock, but for what a test has moved it on. */
export class MovedClock extends ClockProvider {
  #movedMs = 0

  move(ms: number): void {
    this.#movedMs += ms
  }

  now(): Date {
    return new Date(systemClock.now().getTime() + this.#movedMs)
  }

  elapsedMs(): number {
    return systemClock.elapsedMs() + this.#movedMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal)
  }
}
