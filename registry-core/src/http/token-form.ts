import { findScope, type ResourceActions } from '../access/token-scope.js'
import { RegistryError } from '../oci/failure.js'

/** The scopes of one request; a push that mounts from many repositories asks for a few. */
const SCOPES_LIMIT = 100

/** What a request for a token says, in its query (Distribution's protocol) or its body (OAuth2's). */
export interface TokenForm {
  readonly scopes: readonly ResourceActions[]
  readonly grantType: string | undefined
  readonly name: string | undefined
  readonly password: string | undefined
}

/**
 * Reads `application/x-www-form-urlencoded`. Scopes stand in one parameter, divided by spaces, or in several; those that
 * cannot be read are not granted, and what else clients send (service, account, client_id, offline_token) changes nothing.
 * @throws RegistryError `token-request-invalid`
 */
export function parseTokenForm(text: string): TokenForm {
  const form = new URLSearchParams(text)
  const asked = form
    .getAll('scope')
    .flatMap((scope) => scope.split(' '))
    .filter((scope) => scope !== '')
  if (asked.length > SCOPES_LIMIT)
    throw new RegistryError('token-request-invalid', { why: `more than ${SCOPES_LIMIT} scopes` })
  return {
    scopes: asked.flatMap((scope) => findScope(scope) ?? []),
    grantType: form.get('grant_type') ?? undefined,
    name: form.get('username') ?? undefined,
    password: form.get('password') ?? undefined,
  }
}
