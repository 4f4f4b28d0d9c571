import type { Clock } from '../system/clock.js'
import { UpstreamFailure } from './upstream/upstream-failure.js'

/** Requests for manifests that one upstream gets at once. */
const LIMIT = 64
/** Those that wait for a turn, and for how long. */
const WAITING_LIMIT = 2000
const WAIT_MS = 5000

/** Who asks an upstream waits for a turn: clients that make up names do not make it more requests at once. */
export class Turns {
  readonly #host: string
  readonly #clock: Clock
  #running = 0
  readonly #waiting = new Set<() => void>()

  constructor({ host, clock }: { readonly host: string; readonly clock: Clock }) {
    this.#host = host
    this.#clock = clock
  }

  /** @throws UpstreamFailure `resting` when there are too many others; what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= LIMIT) await this.#turn()
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

  #turn(): Promise<void> {
    if (this.#waiting.size >= WAITING_LIMIT) throw this.#crowded()
    return new Promise((resolve, reject) => {
      const go = (): void => {
        this.#waiting.delete(go)
        cancel()
        resolve()
      }
      const cancel = this.#clock.after(WAIT_MS, () => {
        this.#waiting.delete(go)
        reject(this.#crowded())
      })
      this.#waiting.add(go)
    })
  }

  #crowded(): UpstreamFailure {
    return new UpstreamFailure('resting', `${this.#host} is asked for too many manifests at once`)
  }
}
