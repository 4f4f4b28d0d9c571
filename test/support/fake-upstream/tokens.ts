import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import { errorReply, jsonReply, type Reply } from './reply.js'
import { queryOf, type SeenRequest } from './seen-requests.js'

/** Who may pull what. */
export interface Accounts {
  /** Passwords by name. */
  readonly users: Readonly<Record<string, string>>
  /** Repositories that nobody pulls anonymously; those below are meant too. */
  readonly privateRepositories: readonly string[]
}

/** Distribution's token protocol, in so far as an upstream needs it: opaque tokens, and who got them. */
export class Tokens {
  /** How often a token was given for a scope. */
  readonly issued = new Map<string, number>()
  readonly #accounts: Accounts
  readonly #ttlSeconds: number
  readonly #tokens = new Map<string, { readonly repositories: ReadonlySet<string>; readonly until: number }>()

  constructor(accounts: Accounts, ttlSeconds: number) {
    this.#accounts = accounts
    this.#ttlSeconds = ttlSeconds
  }

  /** `GET /token?scope=…`: a wrong password is 401; what a right one may not do is left out of the token. */
  issue(seen: SeenRequest): Reply {
    const user = userOf(seen.headers, this.#accounts)
    if (user === 'wrong') return errorReply(401, 'UNAUTHORIZED')
    const scopes = queryOf(seen)
      .getAll('scope')
      .flatMap((scope) => scope.split(' '))
      .filter((scope) => scope !== '')
    const repositories = scopes.flatMap((scope) => {
      this.issued.set(scope, (this.issued.get(scope) ?? 0) + 1)
      const name = /^repository:(.+):(?:.*,)?pull(?:,.*)?$/.exec(scope)?.[1]
      return name !== undefined && mayPull(this.#accounts, user, name) ? [name] : []
    })
    const token = randomBytes(24).toString('base64url')
    const until = performance.now() + this.#ttlSeconds * 1000
    this.#tokens.set(token, { repositories: new Set(repositories), until })
    return jsonReply(200, { token, access_token: token, expires_in: this.#ttlSeconds })
  }

  /** Whether a request brought a token for its repository; for no repository any token will do. */
  allows({ headers, repository }: SeenRequest): boolean {
    const [, token = ''] = /^Bearer (.+)$/i.exec(headers.authorization ?? '') ?? []
    const known = this.#tokens.get(token)
    if (known === undefined || performance.now() > known.until) return false
    return repository === '' || known.repositories.has(repository)
  }

  /** All that are out. */
  values(): readonly string[] {
    return [...this.#tokens.keys()]
  }

  /** Every token that is out is worth nothing from now on. */
  revoke(): void {
    this.#tokens.clear()
  }
}

/** The name that a request logs in with; nobody's is the empty one. */
export function userOf(headers: IncomingHttpHeaders, { users }: Accounts): string {
  const [, basic] = /^Basic (.+)$/i.exec(headers.authorization ?? '') ?? []
  if (basic === undefined) return ''
  const [name = '', password] = Buffer.from(basic, 'base64').toString().split(':')
  return users[name] !== undefined && users[name] === password ? name : 'wrong'
}

export function mayPull({ privateRepositories }: Accounts, user: string, repository: string): boolean {
  if (user !== '') return user !== 'wrong'
  return !privateRepositories.some((name) => repository === name || repository.startsWith(`${name}/`))
}
