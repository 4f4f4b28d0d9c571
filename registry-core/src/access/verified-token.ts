import { z } from 'zod'
import { RegistryError } from '../oci/failure.js'
import type { TokenScope } from './may.js'

/** A longer one is nobody's. */
export const TOKEN_LIMIT = 32 * 1024

/** A token that somebody whom we trust has signed, and that is for us and not over. */
export interface VerifiedToken {
  readonly holder: TokenHolder
  readonly scope: TokenScope
  readonly expiresAt: Date
}

/**
 * For whom it was made. By us: for `anybody`, or for an `account`, under the password that `secretId` stands for. By the
 * server of `auth.token`: for somebody `foreign`, whose name may be empty.
 */
export type TokenHolder =
  | { readonly kind: 'anybody' }
  | { readonly kind: 'account'; readonly name: string; readonly secretId: string }
  | { readonly kind: 'foreign'; readonly name: string }

/** The `access` claim of Distribution's tokens. */
export const accessSchema = z.array(
  z.object({
    type: z.string(),
    name: z.string(),
    actions: z
      .array(z.string())
      .nullish()
      .transform((a) => a ?? []),
  }),
)

/**
 * Whatever keeps a token from being verified, in words that tell nothing of keys.
 * @throws RegistryError `token-invalid`
 */
export async function verified<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify()
  } catch (cause) {
    const code = Error.isError(cause) && 'code' in cause ? String(cause.code) : ''
    throw new RegistryError('token-invalid', { why: WHY[code] ?? 'it cannot be verified' }, { cause })
  }
}

const WHY: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'it is over',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'it is not for this registry, not by its issuer, or not yet valid',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'its signature is not right',
}
