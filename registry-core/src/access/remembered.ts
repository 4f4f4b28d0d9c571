import { hash } from 'node:crypto'
import type { Clock } from '../system/clock.js'
import type { Random } from '../system/random.js'

const ENTRIES_LIMIT = 10_000
/** Of all sizes together: what a long secret says takes several times its length. */
const SIZE_LIMIT = 8 * 1024 * 1024

interface Entry<T> {
  readonly value: T
  readonly untilMs: number
  readonly size: number
}

/**
 * What was found out about a secret, for a while. The secret itself is not kept: its entry stands under a hash that
 * begins with a key of this process. No hash leaves it, so that nobody could lengthen one, and an HMAC would cost several
 * times as much on each request.
 */
export class Remembered<T> {
  readonly #clock: Clock
  /** One block of sha256. */
  readonly #key: string
  #entries = new Map<string, Entry<T>>()
  #size = 0

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock
    this.#key = random.hex(32)
  }

  /** What a secret is known under, here and in this process. */
  keyOf(secret: string): string {
    return hash('sha256', this.#key + secret, 'base64')
  }

  /** Undefined when nothing is known, or not any more. */
  find(key: string): T | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#clock.elapsedMs() < entry.untilMs) return entry?.value
    this.forget(key)
    return undefined
  }

  /** @param size how long the secret was, where the value grows with it */
  keep(key: string, value: T, forMs: number, size: number): void {
    this.forget(key)
    this.#entries.set(key, { value, untilMs: this.#clock.elapsedMs() + forMs, size })
    this.#size += size
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= ENTRIES_LIMIT && this.#size <= SIZE_LIMIT) return
      this.forget(oldest)
    }
  }

  forget(key: string): void {
    this.#size -= this.#entries.get(key)?.size ?? 0
    this.#entries.delete(key)
  }

  forgetAll(): void {
    this.#entries = new Map()
    this.#size = 0
  }
}
