import type { Clock } from '../system/clock.js'

/** The result, for one who waits as long as the signal lasts; the work goes on without them. @throws the signal's reason */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    const stay = (): void => signal.removeEventListener('abort', leave)
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).then(stay, stay)
  })
}

/** The same, or undefined when it takes longer. */
export async function waitAtMost<T extends object>(
  clock: Clock,
  work: Promise<T>,
  ms: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const cancel = clock.after(ms, () => resolve(undefined))
  try {
    return await untilAborted(Promise.race([work, late]), signal)
  } finally {
    cancel()
  }
}
