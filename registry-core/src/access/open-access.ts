import { RegistryError } from '../oci/failure.js'
import type { Tag } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
import type { SharedSecret } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { Random } from '../system/random.js'
import { watchFile } from '../system/watched-file.js'
import { type AccessSettings, canLogIn, type TokenServerSettings } from './access-settings.js'
import { type Account, Accounts } from './accounts.js'
import { areEmpty, parseBasic, splitAuthorization } from './authorization.js'
import { anonymousCaller, anonymousTokenCaller, type Caller } from './caller.js'
import { type ChallengeReason, challengeText } from './challenge.js'
import { ForeignTokens } from './foreign-tokens.js'
import { HTPASSWD_LIMIT_BYTES } from './htpasswd.js'
import { type Credentials, Logins } from './logins.js'
import { ALL_RIGHTS } from './may.js'
import { Misses } from './misses.js'
import { type IssuedToken, OwnTokens, secretIdOf } from './own-tokens.js'
import { Passwords } from './passwords.js'
import { Remembered } from './remembered.js'
import { TokenKeys } from './token-keys.js'
import { grantable, type ResourceActions } from './token-scope.js'
import { KEYS_LIMIT_BYTES, TrustedKeys } from './trusted-keys.js'
import { TOKEN_LIMIT, type VerifiedToken } from './verified-token.js'

/** Where a request came in: by its position among the listeners, and from which address. */
export interface From {
  readonly listener: number
  readonly address: string
}

export interface TokenAsked {
  /** Undefined for whoever asks without a name. */
  readonly credentials: Credentials | undefined
  readonly scopes: readonly ResourceActions[]
  readonly from: From
}

export interface TokenGranted extends IssuedToken {
  readonly access: readonly ResourceActions[]
}

/** Who asks, and what tells others how to say it. */
export interface Access {
  /** What anybody is on that listener, without saying a name. */
  anonymous(listener: number): Caller
  /**
   * Who an `Authorization` header names; at once for one that was right a moment ago. Where nobody can log in it says
   * nothing, as for registry:2 without `auth`.
   * @throws RegistryError `login-failed`, `token-invalid`, `too-many-misses`, `server-busy`: never anonymous instead
   */
  identify(header: string, from: From): Caller | Promise<Caller>
  /** Undefined when this registry makes no tokens. @throws RegistryError as `identify`, `unauthorized`, `token-request-invalid` */
  issueToken(asked: TokenAsked): Promise<TokenGranted> | undefined
  /** The `WWW-Authenticate` of a 401 to a client that asked `origin`. */
  challenge(origin: string, reason: ChallengeReason): string
  /** The rule by which a tag is pushed once; undefined where it may move. */
  immutableRule(repository: RepositoryName, tag: Tag): string | undefined
  /** Other settings from now on: accounts that are gone are out at once, with their tokens. */
  replace(settings: AccessSettings): void
}

export interface AccessParts {
  readonly secret: SharedSecret
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Wires accounts, passwords and tokens. */
export function openAccess(settings: AccessSettings, parts: AccessParts): Access {
  return new RunningAccess(settings, parts)
}

/** What depends on the settings: made anew with them, and read once a request. */
interface State {
  readonly settings: AccessSettings
  readonly accounts: Accounts
  readonly foreignTokens: ForeignTokens | undefined
  readonly callers: readonly Caller[]
}

/** Long enough for a pull, short enough that a key which is taken back is out soon. */
const TOKEN_REMEMBERED_MS = 5 * 60_000

class RunningAccess implements Access {
  readonly #parts: AccessParts
  readonly #logins: Logins
  readonly #ownTokens: OwnTokens
  readonly #tokens: Remembered<VerifiedToken>
  #state: State

  constructor(settings: AccessSettings, parts: AccessParts) {
    this.#parts = parts
    this.#state = stateOf(settings, parts)
    this.#ownTokens = new OwnTokens({ ...parts, keys: new TokenKeys(parts) })
    this.#tokens = new Remembered(parts)
    this.#logins = new Logins({
      ...parts,
      accounts: () => this.#state.accounts,
      misses: new Misses(parts),
      passwords: new Passwords(),
    })
  }

  replace(settings: AccessSettings): void {
    this.#state = stateOf(settings, this.#parts)
    this.#tokens.forgetAll()
  }

  anonymous(listener: number): Caller {
    return this.#state.callers[listener] ?? anonymousCaller('none', true)
  }

  identify(header: string, from: From): Caller | Promise<Caller> {
    const anonymous = this.anonymous(from.listener)
    if (anonymous.login === 'none') return anonymous
    const { scheme, value } = splitAuthorization(header)
    switch (scheme) {
      case 'bearer':
        return this.#identifyToken(value, from.listener)
      case 'basic': {
        const credentials = parseBasic(value)
        if (areEmpty(credentials)) return anonymous
        const account = this.#logins.login(credentials, from.address)
        return account instanceof Promise
          ? account.then((one) => callerOf(one, anonymous))
          : callerOf(account, anonymous)
      }
      default:
        throw new RegistryError('login-failed', {})
    }
  }

  #identifyToken(token: string, listener: number): Caller | Promise<Caller> {
    if (token.length > TOKEN_LIMIT) throw new RegistryError('token-invalid', { why: 'it is too long' })
    const key = this.#tokens.keyOf(token)
    const known = this.#tokens.find(key)
    return known === undefined ? this.#verify(token, key, listener) : this.#holderOf(known, listener)
  }

  async #verify(token: string, key: string, listener: number): Promise<Caller> {
    const state = this.#state
    const foreign = this.#ownTokens.isOurs(token) ? undefined : state.foreignTokens
    const verified = await (foreign ?? this.#ownTokens).verify(token)
    const leftMs = verified.expiresAt.getTime() - this.#parts.clock.now().getTime()
    if (state === this.#state)
      this.#tokens.keep(key, verified, Math.min(leftMs, TOKEN_REMEMBERED_MS), token.length)
    return this.#holderOf(verified, listener)
  }

  /** At each use: what the token was made for, and what its owner may today. */
  #holderOf({ holder, scope }: VerifiedToken, listener: number): Caller {
    switch (holder.kind) {
      case 'anybody':
        return anonymousTokenCaller(this.anonymous(listener), scope)
      case 'account':
        return { ...callerOf(this.#accountOf(holder), this.anonymous(listener)), token: scope }
      // Somebody else knows the account: its token alone says what it may.
      case 'foreign':
        return {
          ...{ account: holder.name, rights: ALL_RIGHTS, ownRights: ALL_RIGHTS, token: scope },
          ...{ countsAsPull: true, login: 'done' },
        }
    }
  }

  #accountOf({ name, secretId }: { readonly name: string; readonly secretId: string }): Account {
    const { accounts } = this.#state
    const account = accounts.find(name)
    if (account === undefined || accounts.hasEnded(account) || secretIdOf(account) !== secretId)
      throw new RegistryError('token-invalid', { why: 'its account has changed or ended' })
    return account
  }

  issueToken(asked: TokenAsked): Promise<TokenGranted> | undefined {
    const { accounts, htpasswd } = this.#state.settings
    return accounts.length === 0 && htpasswd === undefined ? undefined : this.#issue(asked)
  }

  async #issue({ credentials, scopes, from }: TokenAsked): Promise<TokenGranted> {
    const account = credentials && (await this.#logins.login(credentials, from.address))
    const anybody = this.anonymous(from.listener)
    const { rights } = account ? callerOf(account, anybody) : anybody
    if (account === undefined && rights.length === 0)
      throw new RegistryError('unauthorized', { action: 'use', name: 'this registry' })
    const access = grantable(scopes, rights)
    return { ...(await this.#ownTokens.issue(account, access)), access }
  }

  challenge(origin: string, reason: ChallengeReason): string {
    return challengeText(this.#state.settings, origin, reason)
  }

  immutableRule(repository: RepositoryName, tag: Tag): string | undefined {
    const rule = this.#state.settings.immutable.find(
      (one) => one.repository.matches(repository) && one.tag.matches(tag),
    )
    return rule && `{repository: ${rule.repository.text}, tag: ${rule.tag.text}}`
  }
}

function stateOf(settings: AccessSettings, { clock, log }: AccessParts): State {
  const { htpasswd, anonymous, token } = settings
  const file = htpasswd && watchFile(htpasswd.path, HTPASSWD_LIMIT_BYTES, clock)
  const accounts = new Accounts(settings, { file, clock, log })
  accounts.find('') // reads the file, so that what is wrong with it is said at the start
  return {
    settings,
    accounts,
    foreignTokens: token && foreignTokensOf(token, { clock, log }),
    callers: anonymous.map((level) => anonymousCaller(level, canLogIn(settings))),
  }
}

function foreignTokensOf(
  settings: TokenServerSettings,
  { clock, log }: Pick<AccessParts, 'clock' | 'log'>,
): ForeignTokens {
  const watched = (path: string | undefined) =>
    path === undefined ? undefined : watchFile(path, KEYS_LIMIT_BYTES, clock)
  const files = { certificates: watched(settings.rootCertBundle), keySet: watched(settings.jwks) }
  return new ForeignTokens(settings, { keys: new TrustedKeys({ ...files, clock, log }), clock })
}

/** Whoever logs in may still do what anybody may on that listener. */
function callerOf({ name, rights, countsAsPull }: Account, anybody: Caller): Caller {
  return {
    account: name,
    rights: [...rights, ...anybody.rights],
    ownRights: rights,
    token: undefined,
    countsAsPull,
    login: 'done',
  }
}
