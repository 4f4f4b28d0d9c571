import type { IncomingMessage } from 'node:http'
import type { ChallengeReason } from '../access/challenge.js'
import type { Action } from '../access/may.js'
import type { Access } from '../access/open-access.js'
import { CATALOG_SCOPE, scopeText } from '../access/token-scope.js'
import { isRegistryError } from '../oci/failure.js'
import { realmOrigin } from './reached-address.js'
import { findRoute } from './routes.js'
import type { Call } from './target.js'

/** What a refused client needs: which call it was, and how it found us. */
export interface Refused {
  readonly request: IncomingMessage
  readonly call: Call | undefined
  readonly error: unknown
  readonly isBehindNginx: boolean
}

/** The `WWW-Authenticate` of a 401: names and values in turn. */
export function challengeHeaders(access: Access, refused: Refused): readonly string[] {
  // Whoever asks for a token is not sent in a circle.
  const text =
    refused.call?.kind === 'token'
      ? 'Basic realm="entrepot"'
      : access.challenge(realmOrigin(refused.request, refused.isBehindNginx), reasonOf(refused))
  return ['WWW-Authenticate', text]
}

function reasonOf({ request, call, error }: Refused): ChallengeReason {
  const failure = isRegistryError(error) ? error.failure : undefined
  return {
    scopes: call === undefined ? [] : scopesOf(call, request.method ?? ''),
    error:
      failure === 'token-invalid'
        ? 'invalid_token'
        : failure === 'scope-insufficient'
          ? 'insufficient_scope'
          : undefined,
  }
}

/** As Distribution asks: who pushes must pull too, and a mount needs its source. */
const SCOPE_ACTIONS: { readonly [A in Action]: readonly Action[] } = {
  pull: ['pull'],
  push: ['pull', 'push'],
  delete: ['delete'],
}

function scopesOf(call: Call, method: string): readonly string[] {
  if (call.kind === 'catalog') return [CATALOG_SCOPE]
  if (!('repository' in call)) return []
  const action = findRoute(call.kind, method)?.action ?? 'pull'
  const own = scopeText(call.repository, SCOPE_ACTIONS[action])
  return call.kind === 'uploads' && call.from !== undefined
    ? [own, scopeText(call.from, SCOPE_ACTIONS.pull)]
    : [own]
}
