import type { Clock } from '../system/clock.js'
import { UpstreamFailure } from './upstream/upstream-failure.js'
import type { Upstream } from './upstream/upstream.js'
import { wrapUpstream } from './wrapped-upstream.js'

/** Questions that one upstream gets at once. */
const LIMIT = 64
/** Those that wait for a turn, and for how long. */
const WAITING_LIMIT = 2000
const WAIT_MS = 5000

/** Who asks an upstream waits for a turn: clients that make up names do not make it more requests at once. */
class Turns {
  readonly #host: string
  readonly #clock: Clock
  #running = 0
  readonly #waiting = new Set<() => void>()

  constructor(host: string, clock: Clock) {
    this.#host = host
    this.#clock = clock
  }

  /** @throws UpstreamFailure `resting` when there are too many others; the signal's reason; what `work` throws */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#running >= LIMIT) await this.#turn(signal)
    else this.#running += 1
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  /** The place of whoever ends goes to the first that waits. */
  #next(): void {
    const [first] = this.#waiting
    if (first === undefined) this.#running -= 1
    else first()
  }

  #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#waiting.size >= WAITING_LIMIT) throw this.#crowded()
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiting.delete(go)
        cancel()
        signal.removeEventListener('abort', leave)
        settle()
      }
      const go = (): void => end(resolve)
      const leave = (): void => end(() => reject(signal.reason))
      const cancel = this.#clock.after(WAIT_MS, () => end(() => reject(this.#crowded())))
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.add(go)
    })
  }

  #crowded(): UpstreamFailure {
    return new UpstreamFailure('resting', `${this.#host} is asked too many questions at once`)
  }
}

/**
 * The upstream, whose questions wait for their turn. Around the breaker: those that wait when it opens are refused then.
 * Bytes of blobs have connections of their own, for which they wait elsewhere (upstream/limits.ts).
 */
export function withTurns(upstream: Upstream, clock: Clock): Upstream {
  const turns = new Turns(upstream.host, clock)
  const questions = wrapUpstream(upstream, ({ signal }, ask) => turns.run(signal, ask))
  return { ...questions, blob: (...asked) => upstream.blob(...asked) }
}
