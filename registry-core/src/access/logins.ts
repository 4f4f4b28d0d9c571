import { RegistryError } from '../oci/failure.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { Random } from '../system/random.js'
import type { Account, Accounts } from './accounts.js'
import type { Misses } from './misses.js'
import type { Passwords } from './passwords.js'
import { Remembered } from './remembered.js'

/** A password that was right is not hashed again for so long. */
const REMEMBERED_MS = 5 * 60_000
/** bcrypt knows none below. */
const LEAST_COST = 4

/** Who says they are who. */
export interface Credentials {
  readonly name: string
  readonly password: string
}

export interface LoginParts {
  readonly accounts: () => Accounts
  readonly misses: Misses
  readonly passwords: Passwords
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** A password that is being hashed, for all requests from one address that brought it meanwhile. */
interface Comparison {
  readonly fitted: Promise<Account | undefined>
  /** It is one miss, however many requests wait for it. */
  isMiss: boolean
}

/** Checks names and passwords: at once for those that were right a moment ago, else beside the event loop. */
export class Logins {
  readonly #parts: LoginParts
  /** The hash that the credentials fitted: another one in its place, or none, and they count no more. */
  readonly #right: Remembered<string>
  readonly #underWay = new Map<string, Comparison>()

  constructor(parts: LoginParts) {
    this.#parts = parts
    this.#right = new Remembered(parts)
  }

  /** @throws RegistryError `login-failed`, `too-many-misses`, `server-busy` */
  login(credentials: Credentials, address: string): Account | Promise<Account> {
    const { accounts, misses } = this.#parts
    const { name, password } = credentials
    misses.check(name, address)
    const key = this.#right.keyOf(`${name}\0${password}`)
    const fitted = this.#right.find(key)
    if (fitted !== undefined) {
      const account = accounts().find(name)
      if (account?.secretHash === fitted && !accounts().hasEnded(account)) return account
      this.#right.forget(key)
    }
    return this.#check(key, credentials, address)
  }

  async #check(key: string, credentials: Credentials, address: string): Promise<Account> {
    const { misses } = this.#parts
    // Equal credentials that come at the same time are hashed once, and are one miss: of one address, since another's
    // wait, and its block, are its own.
    const keyHere = `${key} ${address}`
    const comparison = this.#underWay.get(keyHere) ?? this.#compare(keyHere, credentials, address)
    const compared = await comparison.fitted
    const account = compared && this.#stillSo(compared)
    if (account === undefined) {
      if (!comparison.isMiss) misses.count(credentials.name, address)
      comparison.isMiss = true
      throw new RegistryError('login-failed', {})
    }
    misses.check(credentials.name, address)
    misses.clear(credentials.name, address)
    this.#right.keep(key, account.secretHash, REMEMBERED_MS, 0)
    return account
  }

  /** The configuration may have been read anew while the password was hashed. */
  #stillSo({ name, secretHash }: Account): Account | undefined {
    const { accounts, log } = this.#parts
    const account = accounts().find(name)
    if (account?.secretHash !== secretHash) return undefined
    if (!accounts().hasEnded(account)) return account
    log.warn({ account: name }, 'an account that has ended was refused, with its right password')
    return undefined
  }

  #compare(keyHere: string, { name, password }: Credentials, address: string): Comparison {
    const { accounts, misses, passwords } = this.#parts
    const account = accounts().find(name)
    const cost = Math.max(accounts().highestCost, LEAST_COST)
    const fitted = passwords
      .matches(password, account?.secretHash, cost, {
        address,
        beforeWork: () => misses.check(name, address),
      })
      .then((isRight) => (isRight ? account : undefined))
      .finally(() => this.#underWay.delete(keyHere))
    const comparison = { fitted, isMiss: false }
    this.#underWay.set(keyHere, comparison)
    return comparison
  }
}
