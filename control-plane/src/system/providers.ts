import type { Clock } from './clock.js'
import type { Random } from './random.js'

/** Time and chance under names that Nest can inject; tests provide their own. */
export abstract class ClockProvider implements Clock {
  abstract now(): Date
  abstract elapsedMs(): number
  abstract sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export abstract class RandomProvider implements Random {
  abstract uuid(): string
  abstract bytes(count: number): Buffer
}
