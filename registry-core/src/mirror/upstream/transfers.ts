import type { Clock } from '../../system/clock.js'
import { FairQueue } from '../../system/fair-queue.js'

/** Room for so many transfers at once; the others wait in a fair order. */
export interface Gate {
  /** Waits for room; answers what gives it back. @throws the signal's reason when it is aborted while waiting */
  enter(transfer: Transfer, signal: AbortSignal): Promise<() => void>
}

export interface Transfer {
  /** Those take turns: one image of a hundred layers does not keep all others waiting. */
  readonly repository: string
  /** Undefined: unknown, thus large. */
  readonly sizeBytes: number | undefined
}

/** Configurations and small layers: whoever waits for them waits for little. */
const SMALL_BYTES = 1024 * 1024
/** Small ones go first; but each so many-th place is a large one's, so that none starves. */
const LARGE_EACH = 4

export function openGate(limit: number): Gate {
  let running = 0
  let turns = 0
  const small = new FairQueue<() => void>()
  const large = new FairQueue<() => void>()
  const next = (): void => {
    while (running < limit) {
      turns += 1
      const order = turns % LARGE_EACH === 0 ? [large, small] : [small, large]
      const first = order[0]?.take() ?? order[1]?.take()
      if (first === undefined) return
      running += 1
      first()
    }
  }
  const leave = once(() => {
    running -= 1
    next()
  })
  return {
    enter({ repository, sizeBytes }, signal) {
      const queue = sizeBytes !== undefined && sizeBytes <= SMALL_BYTES ? small : large
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const go = (): void => {
          signal.removeEventListener('abort', abort)
          resolve(leave())
        }
        function abort(): void {
          queue.remove(repository, go)
          reject(signal.reason)
        }
        signal.addEventListener('abort', abort, { once: true })
        queue.add(repository, go)
        next()
      })
    },
  }
}

/** A place is given back once, however often it is said. */
function once(run: () => void): () => () => void {
  return () => {
    let isDone = false
    return () => {
      if (isDone) return
      isDone = true
      run()
    }
  }
}

/** So many bytes a second, over everything that comes from one upstream. */
export interface Pace {
  /** Counts bytes that came; waits until the next may come. */
  take(bytes: number, signal: AbortSignal): Promise<void>
  /** Counts bytes that nobody waits for: those that wait do so longer. */
  charge(bytes: number): void
}

export function openPace(bytesPerSecond: number | undefined, clock: Clock): Pace {
  if (bytesPerSecond === undefined) return { take: async () => undefined, charge: () => undefined }
  let freeAtMs = 0
  const charge = (bytes: number): void => {
    freeAtMs = Math.max(freeAtMs, clock.elapsedMs()) + (bytes * 1000) / bytesPerSecond
  }
  return {
    charge,
    async take(bytes, signal) {
      charge(bytes)
      const waitMs = freeAtMs - clock.elapsedMs()
      // Shorter than a timer's tick is not waited for: it stays owed.
      if (waitMs >= 2) await clock.sleep(waitMs, signal)
    },
  }
}
