import { mayAnything } from '../../access/may.js'
import { refusalWithoutToken } from '../../access/refusal.js'
import type { Endpoint } from '../context.js'
import { type Answer, json } from '../answer.js'
import type { Readiness } from '../../system/readiness.js'

/** GET / : empty, as registry:2 answers (load balancers ask it). */
export const getRoot: Endpoint<'root'> = () => ({ status: 200, headers: { 'Cache-Control': 'no-cache' } })

/** GET /v2 : moves on, as registry:2 does. */
export const redirectToVersion: Endpoint<'version-redirect'> = () => ({
  status: 301,
  headers: { Location: '/v2/' },
})

/**
 * GET /v2/ (end-1): says that this is a registry, to whoever has any right here. Clients take a challenge from here
 * alone, so it asks for a login also where anybody may pull: those who have none then get an anonymous token.
 */
export const getVersion: Endpoint<'version'> = (_call, { caller, place, challenge }) => {
  if (place.kind !== 'registry')
    return versionOfMirror(mayAnything(caller) ? {} : { 'WWW-Authenticate': challenge() })
  if (caller.login === 'wanted' || !mayAnything(caller))
    throw refusalWithoutToken(caller, { action: 'use', name: 'this registry' })
  return { status: 200, body: json({}) }
}

/**
 * Of a mirror: 200 at once, whatever its upstreams do, since clients pass over one that does not say so. A challenge in
 * it is taken by podman, and draws no password of Docker Hub out of dockerd (clients.md §7).
 */
function versionOfMirror(headers: Readonly<Record<string, string>>): Answer {
  return { status: 200, headers, body: json({}) }
}

/** GET /healthz : the process lives. */
export const getHealth: Endpoint<'healthz'> = () => ({
  status: 200,
  headers: NOT_STORED,
  body: json({ status: 'alive' }),
})

/** GET /readyz : whether to send requests here, and what somebody should look at. */
export const getReadiness: Endpoint<'readyz'> = (_call, { parts }) => {
  const { status, value } = readinessOf(parts.readiness)
  return { status, headers: NOT_STORED, body: json(value) }
}

const NOT_STORED = { 'Cache-Control': 'no-store' } as const

/** 200, or 503 with the cause in words; what only deserves a look is said too. */
export function readinessOf(readiness: Readiness): { readonly status: number; readonly value: object } {
  const [causes, warnings] = [readiness.failures(), readiness.warnings()]
  return causes.length === 0
    ? { status: 200, value: { status: 'ready', warnings } }
    : { status: 503, value: { status: 'not ready', causes, warnings } }
}
