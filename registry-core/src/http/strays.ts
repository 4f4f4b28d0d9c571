import { BoundedMap } from '../system/bounded-map.js'
import type { Clock } from '../system/clock.js'

/** A name that daemons asked the registry's own address for as if it were their mirror, and did not get. */
interface Misdirected {
  readonly name: string
  readonly times: number
  readonly lastAt: Date
  /** Who asked last. */
  readonly client: string
}

const KEPT = 100

/** What clients send to the wrong place without knowing it; somebody should tell their owners. */
export class Strays {
  readonly #clock: Clock
  readonly #misdirected = new BoundedMap<Misdirected>(KEPT)
  /** Logins that are not ours, sent to a mirror and dropped. */
  droppedLogins = 0
  /** Requests of daemons whose `registry-mirrors` names the registry's address: they got a 404, and went on to Docker Hub. */
  misdirected = 0

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock
  }

  noteMisdirected(name: string, client: string): void {
    this.misdirected += 1
    const times = (this.#misdirected.get(name)?.times ?? 0) + 1
    this.#misdirected.set(name, { name, times, lastAt: this.#clock.now(), client })
  }

  /** For `status`: the names that were asked for last, the newest first. */
  report() {
    const names = [...this.#misdirected.values()].toReversed()
    return { misdirected: { times: this.misdirected, names }, droppedLogins: this.droppedLogins }
  }
}
