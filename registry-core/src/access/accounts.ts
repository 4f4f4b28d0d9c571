import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { WatchedFile } from '../system/watched-file.js'
import type { AccessSettings, AccountSettings } from './access-settings.js'
import { Htpasswd } from './htpasswd.js'
import { ALL_RIGHTS } from './may.js'
import { costOf } from './bcrypt-hash.js'

/** Somebody who can log in: an account of the configuration, or a user of the htpasswd file. */
export type Account = AccountSettings

/** Everybody who can log in now: the accounts of the configuration, then the users of the htpasswd file. */
export class Accounts {
  readonly #clock: Clock
  readonly #named: ReadonlyMap<string, Account>
  readonly #htpasswd: Htpasswd | undefined
  readonly #highestCost: number

  constructor(
    settings: Pick<AccessSettings, 'accounts'>,
    parts: { readonly file: WatchedFile | undefined; readonly clock: Clock; readonly log: Log },
  ) {
    this.#clock = parts.clock
    this.#named = new Map(settings.accounts.map((account) => [account.name, account]))
    this.#highestCost = Math.max(0, ...settings.accounts.map(({ secretHash }) => costOf(secretHash)))
    this.#htpasswd = parts.file && new Htpasswd({ file: parts.file, log: parts.log })
  }

  /** Undefined when there is none of that name; one that has ended is found. */
  find(name: string): Account | undefined {
    const named = this.#named.get(name)
    if (named !== undefined) return named
    const secretHash = this.#htpasswd?.users().hashes.get(name)
    if (secretHash === undefined) return undefined
    return { name, secretHash, rights: ALL_RIGHTS, until: undefined, countsAsPull: true }
  }

  hasEnded({ until }: Account): boolean {
    return until !== undefined && this.#clock.now() >= until
  }

  /** What checking any password costs here, whoever it is for. */
  get highestCost(): number {
    return Math.max(this.#highestCost, this.#htpasswd?.users().highestCost ?? 0)
  }
}
