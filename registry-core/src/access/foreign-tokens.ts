import type { KeyObject } from 'node:crypto'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import { z } from 'zod'
import { RegistryError } from '../oci/failure.js'
import type { Clock } from '../system/clock.js'
import type { TokenServerSettings } from './access-settings.js'
import { scopeOf } from './token-scope.js'
import type { TrustedKeys } from './trusted-keys.js'
import { accessSchema, verified, type VerifiedToken } from './verified-token.js'

/** As Distribution: machines disagree on the time. */
const CLOCK_TOLERANCE_SECONDS = 60

/** Only what a key can verify and nobody else could sign: the key decides, not the token. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'rsa-pss': ['PS256', 'PS384', 'PS512'],
  ed25519: ['EdDSA', 'Ed25519'],
  'ec prime256v1': ['ES256'],
  'ec secp384r1': ['ES384'],
  'ec secp521r1': ['ES512'],
}

const headerSchema = z.object({
  kid: z.string().optional(),
  x5c: z.array(z.string()).optional(),
  jwk: z.looseObject({}).optional(),
})
const claimsSchema = z.object({ sub: z.string().nullish(), exp: z.number(), access: accessSchema.nullish() })

/** Tokens of the server that `auth.token` names, in Distribution's format. */
export class ForeignTokens {
  readonly #settings: TokenServerSettings
  readonly #keys: TrustedKeys
  readonly #clock: Clock

  constructor(settings: TokenServerSettings, parts: { readonly keys: TrustedKeys; readonly clock: Clock }) {
    this.#settings = settings
    this.#keys = parts.keys
    this.#clock = parts.clock
  }

  /** @throws RegistryError `token-invalid` */
  async verify(token: string): Promise<VerifiedToken> {
    const key = await verified(async () => this.#keyOf(token))
    if (key === undefined)
      throw new RegistryError('token-invalid', { why: 'nobody known here has signed it' })
    const { payload } = await verified(() =>
      jwtVerify(token, key, {
        algorithms: this.#algorithmsOf(key),
        issuer: this.#settings.issuer,
        audience: this.#settings.service,
        currentDate: this.#clock.now(),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'iss', 'aud'],
      }),
    )
    const claims = claimsSchema.safeParse(payload)
    if (!claims.success) throw new RegistryError('token-invalid', { why: 'its claims cannot be read' })
    const { sub, exp, access } = claims.data
    return {
      holder: { kind: 'foreign', name: sub ?? '' },
      scope: scopeOf(access ?? []),
      expiresAt: new Date(exp * 1000),
    }
  }

  #algorithmsOf(key: KeyObject): string[] {
    const { algorithms } = this.#settings
    return (ALGORITHMS[kindOf(key)] ?? []).filter((one) => algorithms?.includes(one) ?? true)
  }

  /** What the header names is looked for among the trusted; what it brings along is not believed (attack row 46). */
  #keyOf(token: string): KeyObject | undefined {
    const { kid, x5c, jwk } = headerSchema.parse(decodeProtectedHeader(token))
    if (x5c !== undefined) return this.#keys.findByChain(x5c)
    if (jwk !== undefined) return this.#keys.findSame(jwk)
    return kid === undefined ? undefined : this.#keys.find(kid)
  }
}

function kindOf({ asymmetricKeyType: type, asymmetricKeyDetails }: KeyObject): string {
  return type === 'ec' ? `ec ${asymmetricKeyDetails?.namedCurve}` : (type ?? '')
}
