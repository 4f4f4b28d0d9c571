import { createHash } from 'node:crypto'
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { RegistryError } from '../oci/failure.js'
import type { Clock } from '../system/clock.js'
import type { Random } from '../system/random.js'
import type { Account } from './accounts.js'
import type { TokenKeys } from './token-keys.js'
import { type ResourceActions, scopeOf } from './token-scope.js'
import { accessSchema, TOKEN_LIMIT, verified, type VerifiedToken } from './verified-token.js'

/** Who makes a token, and what for: every process of the store takes it. */
const ISSUER = 'entrepot'
export const SERVICE = 'entrepot'
const ALGORITHM = 'EdDSA'
const LIFETIME_SECONDS = 300
/** Two machines on one store may disagree on the time by so much. */
const CLOCK_TOLERANCE_SECONDS = 10

export interface IssuedToken {
  readonly token: string
  readonly expiresInSeconds: number
  readonly issuedAt: Date
}

const claimsSchema = z.object({ sub: z.string(), exp: z.number(), sid: z.string(), access: accessSchema })

/** Our own tokens (Distribution's format, EdDSA). */
export class OwnTokens {
  readonly #keys: TokenKeys
  readonly #clock: Clock
  readonly #random: Random

  constructor(parts: { readonly keys: TokenKeys; readonly clock: Clock; readonly random: Random }) {
    this.#keys = parts.keys
    this.#clock = parts.clock
    this.#random = parts.random
  }

  /**
   * @param account undefined for an anonymous token
   * @throws RegistryError `token-request-invalid` for one so long that it would not be taken
   */
  async issue(account: Account | undefined, access: readonly ResourceActions[]): Promise<IssuedToken> {
    const { kid, privateKey } = await this.#keys.signing()
    const issuedAt = this.#clock.now()
    const seconds = Math.floor(issuedAt.getTime() / 1000)
    const token = await new SignJWT({ access, sid: account === undefined ? '' : secretIdOf(account) })
      .setProtectedHeader({ typ: 'JWT', alg: ALGORITHM, kid })
      .setIssuer(ISSUER)
      .setAudience(SERVICE)
      .setSubject(account?.name ?? '')
      .setIssuedAt(seconds)
      .setNotBefore(seconds)
      .setExpirationTime(seconds + LIFETIME_SECONDS)
      .setJti(this.#random.uuid())
      .sign(privateKey)
    if (token.length > TOKEN_LIMIT)
      throw new RegistryError('token-request-invalid', {
        why: `for all these scopes it would be longer than the ${TOKEN_LIMIT} bytes that are taken; ask for fewer`,
      })
    return { token, expiresInSeconds: LIFETIME_SECONDS, issuedAt }
  }

  /** True when it says of itself that a key of ours has signed it. */
  isOurs(token: string): boolean {
    const kid = kidOf(token)
    return kid !== undefined && this.#keys.find(kid) !== undefined
  }

  /** @throws RegistryError `token-invalid` */
  async verify(token: string): Promise<VerifiedToken> {
    const key = this.#keys.find(kidOf(token) ?? '')
    if (key === undefined)
      throw new RegistryError('token-invalid', { why: 'nobody known here has signed it' })
    const { payload } = await verified(() =>
      jwtVerify(token, key.publicKey, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: SERVICE,
        currentDate: this.#clock.now(),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'nbf', 'sub'],
      }),
    )
    const claims = claimsSchema.safeParse(payload)
    if (!claims.success) throw new RegistryError('token-invalid', { why: 'its claims cannot be read' })
    const { sub, exp, sid, access } = claims.data
    return {
      holder: sub === '' ? { kind: 'anybody' } : { kind: 'account', name: sub, secretId: sid },
      scope: scopeOf(access),
      expiresAt: new Date(exp * 1000),
    }
  }
}

/** Changes with the account's password, so that tokens end with it; says nothing about either. */
export function secretIdOf({ secretHash }: Account): string {
  return createHash('sha256').update(secretHash).digest('base64url').slice(0, 12)
}

function kidOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid
  } catch {
    return undefined // no token at all
  }
}
