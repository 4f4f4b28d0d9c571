import type { Clock } from '../../system/clock.js'

/** How far apart reloads are, and how many generations may drain; all but the first two are for tests. */
export interface ReloadPaceOptions {
  readonly clock: Clock
  /** How many generations of nginx's workers only end what they have begun. */
  readonly countDraining: () => Promise<number>
  /** Two reloads are at least this far apart. */
  readonly everyMs?: number
  readonly mostDraining?: number
  /** How long transfers are waited for. */
  readonly patienceMs?: number
}

/** Each reload leaves workers that end their transfers, which may take hours: how many there are is bounded here. */
export interface ReloadPace {
  /** Waits until nginx may be reloaded, and counts it. A sentence when that is not soon: `undefined` otherwise. */
  turn(): Promise<string | undefined>
}

const EVERY_MS = 5000
const MOST_DRAINING = 8
const PATIENCE_MS = 10_000
const POLL_MS = 500

/** One reload in five seconds, none while more than eight generations drain. */
export function openReloadPace(options: ReloadPaceOptions): ReloadPace {
  const { clock, countDraining } = options
  const { everyMs = EVERY_MS, mostDraining = MOST_DRAINING, patienceMs = PATIENCE_MS } = options
  let last = -Infinity
  return {
    async turn() {
      const restMs = last + everyMs - clock.elapsedMs()
      if (restMs > 0) await clock.sleep(restMs)
      const startedMs = clock.elapsedMs()
      for (;;) {
        const draining = await countDraining()
        if (draining <= mostDraining) break
        if (clock.elapsedMs() - startedMs >= patienceMs)
          return `${draining} earlier configurations serve transfers that began under them: another one has to wait until some have ended`
        await clock.sleep(POLL_MS)
      }
      last = clock.elapsedMs()
      return undefined
    },
  }
}
