import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import { FairQueue } from '../../system/fair-queue.js'
import { UpstreamFailure } from '../upstream/upstream-failure.js'
import type { Upstream } from '../upstream/upstream.js'
import { wrapUpstream } from './wrapped-upstream.js'

/** Questions that one upstream gets at once. */
const LIMIT = 64
/** Those that wait for a turn, and for how long. */
const WAITING_LIMIT = 2000
const WAIT_MS = 5000

interface Waiting {
  /** It has its turn. */
  readonly go: () => void
  /** It has no place any more. */
  readonly leave: () => void
}

/**
 * Who asks an upstream waits for a turn: clients that make up names do not make it more requests at once, and those of
 * one repository do not keep all others waiting.
 */
class Turns {
  readonly #host: string
  readonly #clock: Clock
  #running = 0
  readonly #waiting = new FairQueue<Waiting>(WAITING_LIMIT)

  constructor(host: string, clock: Clock) {
    this.#host = host
    this.#clock = clock
  }

  /** @throws UpstreamFailure `resting` when there are too many others; the signal's reason; what `work` throws */
  async run<T>(repository: RepositoryName, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#running >= LIMIT) await this.#turn(repository, signal)
    else this.#running += 1
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  /** The place of whoever ends goes to the next that waits. */
  #next(): void {
    const next = this.#waiting.take()
    if (next === undefined) this.#running -= 1
    else next.go()
  }

  #turn(repository: RepositoryName, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiting.remove(repository, one)
        cancel()
        signal.removeEventListener('abort', abort)
        settle()
      }
      const one = { go: () => end(resolve), leave: () => end(() => reject(this.#crowded())) }
      const abort = (): void => end(() => reject(signal.reason))
      const cancel = this.#clock.after(WAIT_MS, one.leave)
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.add(repository, one)?.leave()
    })
  }

  #crowded(): UpstreamFailure {
    return new UpstreamFailure('resting', `${this.#host} is asked too many questions at once`)
  }
}

/**
 * The upstream, whose questions wait for their turn. Around the breaker: those that wait when it opens are refused then.
 * Bytes of blobs have connections of their own, for which they wait elsewhere (upstream/transfers.ts).
 */
export function withTurns(upstream: Upstream, clock: Clock): Upstream {
  const turns = new Turns(upstream.host, clock)
  const questions = wrapUpstream(upstream, ({ repository, signal }, ask) =>
    turns.run(repository, signal, ask),
  )
  return { ...questions, blob: (...asked) => upstream.blob(...asked) }
}
