import type { AnonymousLevel } from './caller.js'
import type { Glob } from '../oci/glob.js'
import type { Right } from './may.js'

/** Who may do what, as the configuration says it: one value, swapped whole when the file is read anew. */
export interface AccessSettings {
  /** What anybody may do on each listener, in the order of the listeners. */
  readonly anonymous: readonly AnonymousLevel[]
  readonly accounts: readonly AccountSettings[]
  readonly htpasswd: HtpasswdSettings | undefined
  readonly token: TokenServerSettings | undefined
  readonly immutable: readonly ImmutableRule[]
  /** `http.host`: where clients find this registry; undefined: where they asked. */
  readonly externalUrl: string | undefined
  /** Where tokens are given there, when that is not `/token`: below `http.prefix`. */
  readonly tokenPath?: string
}

/** Whether anybody can say who they are: where nobody can, what they say means nothing. */
export function canLogIn({
  accounts,
  htpasswd,
  token,
}: {
  readonly accounts: readonly unknown[]
  readonly htpasswd?: object | undefined
  readonly token?: object | undefined
}): boolean {
  return accounts.length > 0 || htpasswd !== undefined || token !== undefined
}

/** What a person should know about them: as registry:2's file without `auth` means it, and nobody shall be surprised. */
export function accessWarnings(access: AccessSettings): readonly string[] {
  return canLogIn(access) || !access.anonymous.includes('push')
    ? []
    : ['everybody who reaches this registry may push: give it access.accounts or auth to change that']
}

/** Somebody who can log in. */
export interface AccountSettings {
  readonly name: string
  /** bcrypt. */
  readonly secretHash: string
  readonly rights: readonly Right[]
  /** From then on it is as if the password were wrong. */
  readonly until: Date | undefined
  readonly countsAsPull: boolean
}

/** `auth.htpasswd`. */
export interface HtpasswdSettings {
  readonly realm: string
  readonly path: string
}

/** `auth.token`: tokens of somebody else's token server. */
export interface TokenServerSettings {
  readonly realm: string | undefined
  readonly service: string
  readonly issuer: string
  readonly rootCertBundle: string | undefined
  readonly jwks: string | undefined
  /** What may have signed a token; undefined: every algorithm that needs a private key. */
  readonly algorithms: readonly string[] | undefined
  /** The path of the realm on the host that the client asked; undefined: it is `realm`. */
  readonly redirectPath: string | undefined
}

/** Tags that are pushed once. */
export interface ImmutableRule {
  readonly repository: Glob
  readonly tag: Glob
}
