import type { Clock } from '../../system/clock.js'

export interface GatheringOptions<T> {
  readonly clock: Clock
  /** Applies whatever is wanted when it is called. */
  readonly apply: () => Promise<T>
  /** How many generations of nginx's workers drain. */
  readonly countDraining: () => Promise<number>
  /** Two runs begin at least this far apart. */
  readonly everyMs?: number
  readonly mostDraining?: number
  /** Ends what waits. */
  readonly signal?: AbortSignal
}

/** Changes that come together are applied together. */
export interface Gathering<T> {
  /** Answers what became of the run that began after this call. */
  request(): Promise<T>
  /** What the next run waits for; `undefined` when none waits. */
  readonly waitsFor: 'the last reload' | 'transfers' | undefined
}

const EVERY_MS = 5000
const MOST_DRAINING = 8
const POLL_MS = 1000

/** Each reload leaves workers that end their transfers: their number is bounded by waiting. */
export function openGathering<T>(options: GatheringOptions<T>): Gathering<T> {
  const { clock, apply, everyMs = EVERY_MS, mostDraining = MOST_DRAINING, signal } = options
  let next: Promise<T> | undefined
  let last: Promise<unknown> = Promise.resolve()
  let startedMs = -Infinity
  let waitsFor: Gathering<T>['waitsFor']
  async function wait(): Promise<void> {
    waitsFor = 'the last reload'
    await last.catch(() => undefined)
    const restMs = startedMs + everyMs - clock.elapsedMs()
    if (restMs > 0) await clock.sleep(restMs, signal)
    while ((await options.countDraining()) > mostDraining) {
      waitsFor = 'transfers'
      await clock.sleep(POLL_MS, signal)
    }
  }
  async function run(): Promise<T> {
    try {
      await wait()
    } finally {
      next = undefined // whoever asks from now on wants what this run may not see
      waitsFor = undefined
    }
    startedMs = clock.elapsedMs()
    const running = apply()
    last = running
    return running
  }
  return {
    request: () => (next ??= run()),
    get waitsFor() {
      return waitsFor
    },
  }
}
