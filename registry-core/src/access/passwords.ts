import { compare } from '@node-rs/bcrypt'
import { RegistryError } from '../oci/failure.js'
import { costOf } from './bcrypt-hash.js'
import { FairQueue } from '../system/fair-queue.js'

/** bcrypt runs in the thread pool, where fsyncs run too: it never takes more than half of it. */
const AT_ONCE = 2
const WAITING_LIMIT = 256
const WAITING_LIMIT_OF_ONE = 64
/** bcrypt reads 72 bytes; whoever sends a megabyte shall not have it copied about. */
const PASSWORD_LIMIT = 1024

/** Compares passwords with hashes, so that nobody learns from the time which names exist (attack row 48). */
export class Passwords {
  #running = 0
  readonly #waiting = new FairQueue<Waiting>(WAITING_LIMIT)

  /**
   * Costs `highestCost`, whichever hash it is: undefined (no such account) is compared with one that nothing fits.
   * `beforeWork` is called when it is this one's turn; what it throws ends it.
   * @throws RegistryError `server-busy`
   */
  async matches(
    password: string,
    hash: string | undefined,
    highestCost: number,
    { address, beforeWork }: { readonly address: string; readonly beforeWork: () => void },
  ): Promise<boolean> {
    await this.#turn(address)
    try {
      beforeWork()
      const isTooLong = password.length > PASSWORD_LIMIT
      const isRight = await fits(isTooLong ? '' : password, hash ?? unmatched(highestCost))
      if (isRight && !isTooLong && hash !== undefined) return true
      // 2^c, and then 2^c + … + 2^(highest-1) more: 2^highest together, as for an unknown name.
      if (hash !== undefined)
        for (let cost = costOf(hash); cost < highestCost; cost += 1) await compare('', unmatched(cost))
      return false
    } finally {
      const next = this.#waiting.take()
      if (next === undefined) this.#running -= 1
      else next.go() // the turn is handed on, so that nobody gets in between
    }
  }

  async #turn(address: string): Promise<void> {
    if (this.#running < AT_ONCE) {
      this.#running += 1
      return
    }
    if (this.#waiting.countOf(address) >= WAITING_LIMIT_OF_ONE) throw busy()
    await new Promise<void>((go, refuse) => {
      this.#waiting.add(address, { go, refuse })?.refuse(busy())
    })
  }
}

interface Waiting {
  readonly go: () => void
  readonly refuse: (error: RegistryError) => void
}

function busy(): RegistryError {
  return new RegistryError('server-busy', { why: 'too many logins are being checked' })
}

/** A text in bcrypt's shape whose salt is none is a hash that nothing fits, at its price. */
async function fits(password: string, hash: string): Promise<boolean> {
  try {
    return await compare(password, hash)
  } catch {
    return compare(password, unmatched(costOf(hash)))
  }
}

/** A hash that no password has: its salt is one, the rest is not the end of any computation known. */
function unmatched(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$abcdefghijklmnopqrstuu${'.'.repeat(31)}`
}
