import { type AccessSettings, canLogIn } from '../access/access-settings.js'
import type { AnonymousLevel } from '../access/caller.js'
import type { ParsedFile } from './schema.js'

/** Who may do what, out of `access`, `auth`, `listeners` and `http.host`. */
export function toAccess({ access, auth, listeners, http, proxy }: ParsedFile): AccessSettings {
  const { htpasswd, token } = auth
  const { accounts, immutable } = access
  const level = access.anonymous ?? defaultLevel(canLogIn({ accounts, htpasswd, token }))
  return {
    anonymous: [
      ...(http.addr === undefined ? [] : [proxy.remoteurl === undefined ? level : mirrorLevel(level)]),
      ...listeners.map(({ anonymous, view }) =>
        view === 'mirror' || view === 'upstream' ? mirrorLevel(anonymous ?? level) : (anonymous ?? level),
      ),
    ],
    accounts: accounts.map(({ until, ...account }) => ({ ...account, until })), // there, also when undefined
    htpasswd,
    token: token && {
      realm: token.realm,
      service: token.service,
      issuer: token.issuer,
      rootCertBundle: token.rootcertbundle,
      jwks: token.jwks,
      algorithms: token.signingalgorithms,
      redirectPath: token.autoredirect ? token.autoredirectpath : undefined,
    },
    immutable,
    externalUrl: http.host?.replace(/\/+$/, ''),
    ...(http.prefix !== '' && { tokenPath: `${http.prefix.replace(/\/$/, '')}/token` }),
  }
}

/** Mirrors take no pushes from anybody. */
function mirrorLevel(level: AnonymousLevel): AnonymousLevel {
  return level === 'push' ? 'pull' : level
}

/** As registry:2 without `auth`: everybody may push; where somebody can log in, nobody else may anything. */
function defaultLevel(someCanLogIn: boolean): AnonymousLevel {
  return someCanLogIn ? 'none' : 'push'
}
