import { dirname } from 'node:path'
import type { Clock } from '../../system/clock.js'
import { type Identity, pidOf } from '../../system/identity.js'
import { errorCode } from '../fs.js'
import type { Keys } from '../keys.js'
import type { Durable } from './durable.js'

const RENEW_EVERY_MS = 10_000
/** Whoever has not been heard of for so long is taken for dead; one that only slept goes on, see ADR 6. */
const DEAD_AFTER_MS = 60_000
const LIMIT_BYTES = 256

/**
 * `entrepot/processes/<process>`: boot and pid namespace of a process; its time is when it was last heard of. Where
 * both are ours the kernel knows whether it lives; a process of another container or machine is judged by the time.
 */
export class Presence {
  readonly #options: { keys: Keys; durable: Durable; clock: Clock; identity: Identity }
  #stop: (() => void) | undefined

  constructor(options: { keys: Keys; durable: Durable; clock: Clock; identity: Identity }) {
    this.#options = options
  }

  async appear(): Promise<void> {
    if (this.#stop !== undefined) return
    const { keys, durable, clock, identity } = this.#options
    await durable.makeFolder(dirname(keys.presence(identity.process)))
    this.#renew()
    this.#stop = clock.every(RENEW_EVERY_MS, async () => this.#tryToRenew())
  }

  /** A disk that takes nothing is said by others; meanwhile the kernel knows of us, and the next try comes soon. */
  #tryToRenew(): void {
    try {
      this.#renew()
    } catch (error) {
      if (errorCode(error) === undefined) throw error
    }
  }

  #renew(): void {
    const { keys, durable, clock, identity } = this.#options
    const path = keys.presence(identity.process)
    if (durable.fs.touchNow(path, clock.now())) return
    durable.fs.createNow(path, Buffer.from(`${identity.boot} ${identity.pidNamespace}`))
    durable.fs.touchNow(path, clock.now())
  }

  isDead(process: string): boolean {
    const { keys, durable, clock, identity } = this.#options
    const path = keys.presence(process)
    const stat = durable.fs.statNow(path)
    const said = durable.fs.readNow(path, LIMIT_BYTES)?.toString()
    if (stat === undefined || said === undefined) return true
    if (clock.now().getTime() - stat.mtimeMs > DEAD_AFTER_MS) return true
    if (said !== `${identity.boot} ${identity.pidNamespace}`) return false
    return durable.fs.statNow(`/proc/${pidOf(process)}`) === undefined
  }

  /** Removes what a dead process has left; it comes back when it only slept. */
  async forget(process: string): Promise<void> {
    const { keys, durable } = this.#options
    await durable.fs.unlink(keys.presence(process))
  }

  async close(): Promise<void> {
    if (this.#stop === undefined) return
    this.#stop()
    await this.forget(this.#options.identity.process)
  }
}
