import { hash } from 'node:crypto'
import type { Clock } from '../system/clock.js'
import type { Random } from '../system/random.js'

const LIMIT = 10_000

/**
 * What was found out about a secret, for a while. The secret itself is not kept: its entry stands under a hash that
 * begins with a key of this process. No hash leaves it, so that nobody could lengthen one, and an HMAC would cost several
 * times as much on each request.
 */
export class Remembered<T> {
  readonly #clock: Clock
  /** One block of sha256. */
  readonly #key: string
  #entries = new Map<string, { readonly value: T; readonly untilMs: number }>()

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
    this.#entries.delete(key)
    return undefined
  }

  keep(key: string, value: T, forMs: number): void {
    this.#entries.delete(key)
    const oldest = this.#entries.size < LIMIT ? undefined : this.#entries.keys().next().value
    if (oldest !== undefined) this.#entries.delete(oldest)
    this.#entries.set(key, { value, untilMs: this.#clock.elapsedMs() + forMs })
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }

  forgetAll(): void {
    this.#entries = new Map()
  }
}
