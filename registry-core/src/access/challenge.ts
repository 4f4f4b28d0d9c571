import type { AccessSettings } from './access-settings.js'
import { SERVICE } from './own-tokens.js'

/** What a client that is refused is told besides: what to ask a token for, and what was wrong with the one it has. */
export interface ChallengeReason {
  readonly scopes: readonly string[]
  readonly error: 'invalid_token' | 'insufficient_scope' | undefined
}

/**
 * The `WWW-Authenticate` of a 401 (RFC 9110 §11.6.1). With htpasswd alone it is registry:2's `Basic`; with accounts a
 * `Bearer` that leads to our own `/token`; with `auth.token` one that leads to the server that the file names.
 * @param origin scheme and host that the client asked, for a realm of our own
 */
export function challengeText(
  { token, accounts, htpasswd, externalUrl, tokenPath = '/token' }: AccessSettings,
  origin: string,
  reason: ChallengeReason,
): string {
  const base = externalUrl ?? origin
  if (token !== undefined) {
    // registry:2 says https there, whatever it speaks itself: TLS ends before it.
    const here = token.redirectPath && `${base.replace(/^http:/, 'https:')}${token.redirectPath}`
    return bearer(here ?? token.realm ?? '', token.service, reason)
  }
  if (accounts.length > 0 || htpasswd === undefined) return bearer(`${base}${tokenPath}`, SERVICE, reason)
  return `Basic realm="${escaped(htpasswd.realm)}"`
}

function bearer(realm: string, service: string, { scopes, error }: ChallengeReason): string {
  const parameters = [`realm="${escaped(realm)}"`, `service="${escaped(service)}"`]
  if (scopes.length > 0) parameters.push(`scope="${scopes.join(' ')}"`)
  if (error !== undefined) parameters.push(`error="${error}"`)
  return `Bearer ${parameters.join(',')}`
}

function escaped(text: string): string {
  return text.replaceAll(/["\\]/g, (mark) => `\\${mark}`)
}
