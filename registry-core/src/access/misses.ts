import { hash } from 'node:crypto'
import { RegistryError } from '../oci/failure.js'
import { BoundedMap } from '../system/bounded-map.js'
import type { Clock } from '../system/clock.js'

/** So many wrong passwords in the window, and nobody gets in under that name from that address until it ends. */
const MISSES_LIMIT = 10
const WINDOW_MS = 15 * 60_000
/** An older pair is forgotten when more than these have misses: each costs whoever makes them up a bcrypt comparison. */
const PAIRS_LIMIT = 20_000

interface Missed {
  readonly sinceMs: number
  count: number
}

/** Wrong passwords, by account and address (attack row 67). */
export class Misses {
  readonly #clock: Clock
  readonly #pairs = new BoundedMap<Missed>(PAIRS_LIMIT)

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock
  }

  /** @throws RegistryError `too-many-misses`, for a right password too: nobody shall learn that it is one */
  check(account: string, address: string): void {
    if (this.#pairs.size === 0) return
    const missed = this.#current(keyOf(account, address))
    if (missed === undefined || missed.count < MISSES_LIMIT) return
    const leftMs = missed.sinceMs + WINDOW_MS - this.#clock.elapsedMs()
    throw new RegistryError('too-many-misses', { seconds: Math.max(1, Math.ceil(leftMs / 1000)) })
  }

  /** One more wrong password. */
  count(account: string, address: string): void {
    const key = keyOf(account, address)
    const missed = this.#current(key)
    if (missed !== undefined) {
      missed.count += 1
      return
    }
    this.#pairs.set(key, { sinceMs: this.#clock.elapsedMs(), count: 1 })
  }

  /** The right one came: what was missed before is forgiven. */
  clear(account: string, address: string): void {
    if (this.#pairs.size > 0) this.#pairs.delete(keyOf(account, address))
  }

  #current(key: string): Missed | undefined {
    const missed = this.#pairs.get(key)
    if (missed === undefined || this.#clock.elapsedMs() < missed.sinceMs + WINDOW_MS) return missed
    this.#pairs.delete(key)
    return undefined
  }
}

/** A hash, since a name has as many letters as a request may, and a part of a text keeps all of it in memory. */
function keyOf(account: string, address: string): string {
  return hash('sha256', `${account}\0${address}`, 'base64')
}
