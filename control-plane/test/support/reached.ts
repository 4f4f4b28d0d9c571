import { systemClock } from '#control/system/clock.js'

/** Asks again and again until it is so. @throws when it is not within 30 s */
export async function reached(what: string, ask: () => Promise<boolean> | boolean): Promise<void> {
  const end = systemClock.elapsedMs() + 30_000
  while (!(await ask())) {
    if (systemClock.elapsedMs() > end) throw new Error(`${what}: not within 30 s`)
    await systemClock.sleep(25)
  }
}
