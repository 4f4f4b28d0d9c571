import { type Failure, isRegistryError, type RegistryError } from '../oci/failure.js'
import { referenceText } from '../oci/reference.js'
import type { Log } from '../system/log.js'
import { goDuration } from '../system/logfmt.js'
import type { Outcome } from './handle.js'
import type { Call } from './target.js'

/**
 * The line for a request, under the names that registry:2 gives its fields, so that what reads its logs reads ours.
 * Authorization is not among them, nor anything else that may hold a secret.
 */
export function logRequest(log: Log, outcome: Outcome): void {
  const { request, peer, call, status } = outcome
  const fields = {
    'http.request.host': request.headers.host,
    'http.request.id': peer.requestId,
    'http.request.method': request.method,
    'http.request.remoteaddr': peer.remoteAddress,
    'http.request.uri': request.url && withoutSecrets(request.url),
    'http.request.useragent': request.headers['user-agent'],
    'http.request.received': outcome.bytesIn,
    'http.response.status': status,
    'http.response.written': outcome.bytesOut,
    'http.response.duration': goDuration(outcome.durationMs),
    'http.response.durationms': Math.round(outcome.durationMs * 1000) / 1000,
    outcome: outcome.outcome,
    origin: outcome.served.origin,
    cache: outcome.served.cache,
    ...(peer.caller.account !== '' && { 'auth.user.name': peer.caller.account }),
    ...varsOf(call),
  }
  if (status < 400) log.info(fields, 'response completed')
  else if (status < 500) log.info(fields, 'response completed with error')
  else if (isForeseen(outcome.error))
    log.warn({ ...fields, 'err.message': outcome.error.message }, 'response completed with error')
  else log.error({ ...fields, ...errorFields(outcome.error) }, 'response completed with error')
}

/** What is refused with 5xx because a limit, a setting or a check says so: the sentence tells all, no stack tells more. */
const FORESEEN: ReadonlySet<Failure> = new Set([
  'health-failing',
  'server-busy',
  'storage-full',
  'store-refused',
])

function isForeseen(error: unknown): error is RegistryError {
  return isRegistryError(error) && FORESEEN.has(error.failure)
}

/** Some clients put a password or a token into the target, where none belongs. */
function withoutSecrets(target: string): string {
  return target
    .replace(/^[a-z]+:\/\/[^/?#]*@/i, (start) => `${start.slice(0, start.indexOf('//'))}//…@`)
    .replaceAll(/([?&](?:password|[a-z_]*token|[a-z_]*secret)=)[^&#]*/gi, '$1…')
}

/** What went wrong, for the log alone: with its stack, and what caused it. */
export function errorFields(error: unknown): Readonly<Record<string, string | undefined>> {
  if (!Error.isError(error)) return {}
  const { cause } = error
  return {
    'err.message': error.message,
    'err.stack': error.stack,
    ...(Error.isError(cause) && { 'err.cause': cause.stack ?? cause.message }),
  }
}

function varsOf(call: Call | undefined): Readonly<Record<string, string>> {
  if (call === undefined || !('repository' in call)) return {}
  const name = { 'vars.name': call.repository }
  switch (call.kind) {
    case 'manifest':
      return { ...name, 'vars.reference': referenceText(call.reference) }
    case 'blob':
    case 'referrers':
      return { ...name, 'vars.digest': call.digest }
    case 'upload':
      return { ...name, 'vars.uuid': call.upload }
    case 'uploads':
    case 'tags':
      return name
  }
}
