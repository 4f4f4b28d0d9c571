import { setTimeout as wait } from 'node:timers/promises'

/**
 * Asks again and again until the answer is neither `undefined` nor `false`, or fails at the deadline naming what was
 * awaited. For what no event announces: a port that opens, a file that appears.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { deadlineMs = 30_000, everyMs = 25 }: { readonly deadlineMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await wait(everyMs) // the timers of systemClock let a program end that has nothing else to do
  }
}
