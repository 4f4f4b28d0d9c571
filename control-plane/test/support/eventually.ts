import { systemClock } from '#control/system/clock.js'

const DEADLINE_MS = 30_000
const LOOK_AGAIN_MS = 25

/** Asks again and again until there is an answer, and fails at the deadline. For what no event announces. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const end = systemClock.elapsedMs() + DEADLINE_MS
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (systemClock.elapsedMs() > end) throw new Error(`${what}: not within ${DEADLINE_MS} ms`)
    await systemClock.sleep(LOOK_AGAIN_MS)
  }
}
