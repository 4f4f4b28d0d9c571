import { mayAs, pullRights } from '../access/may.js'
import { refusalOf } from '../access/refusal.js'
import { isRegistryError, RegistryError } from '../oci/failure.js'
import type { View } from '../views/view.js'
import { type Answer, warningHeader } from './answer.js'
import type { RequestContext } from './context.js'
import { allowedMethods, findEndpoint, findRoute, type RepositoryRoute } from './routes.js'
import type { Call, CallKind, CallOf, RepositoryCallKind } from './target.js'

/** Finds who answers a call, whether the caller may, and what its name means here; leaves in the context where the answer is from. */
export function dispatch(call: Call, context: RequestContext): Promise<Answer> | Answer {
  if ('repository' in call) return inRepository(call, context)
  if (context.method === 'OPTIONS') return optionsOf(call.kind)
  return answerPlain(call, context)
}

function answerPlain<K extends Exclude<CallKind, RepositoryCallKind>>(
  call: CallOf<K>,
  context: RequestContext,
) {
  const endpoint = findEndpoint(call.kind, context.method)
  if (endpoint === undefined) throw unsupported(context.method, call.kind)
  return endpoint(call, context)
}

async function inRepository<K extends RepositoryCallKind>(
  call: CallOf<K>,
  context: RequestContext,
): Promise<Answer> {
  if (context.method === 'OPTIONS') return optionsOf(call.kind)
  const route = findRoute(call.kind, context.method)
  if (route === undefined) throw unsupported(context.method, call.kind)
  const { place, caller } = context
  const { repository, namespace } = call
  const { mayPull, mayPullItself } = pullRights(caller, repository)
  const client = context.from.address
  const opened = context.parts.views.open({ place, namespace, repository, client, mayPull, mayPullItself })
  const view = opened instanceof Promise ? await opened : opened
  // Whoever pushes to a mirror is told where to push, whatever they may.
  if (view.push === undefined && route.action !== 'pull' && place.kind !== 'registry') throw view.refusal()
  if (!view.rightsOn.some((name) => mayAs(caller, route.action, name, call.repository)))
    throw refusalAt(context, route, call)
  context.served = { origin: view.origin, cache: 'bypass' }
  try {
    const answer = await route.endpoint(call, view, context)
    if (answer.served) context.served = answer.served
    return furtherHeaders(answer, view)
  } catch (error) {
    if (isAbsence(error)) noteIfMisdirected(call, context)
    throw error
  }
}

/** A daemon that takes this address for its mirror goes on to Docker Hub without a word: it is noted for `status`. */
function noteIfMisdirected<K extends RepositoryCallKind>(
  { kind, repository }: CallOf<K>,
  { parts, place, headers, peer }: RequestContext,
): void {
  const isOfficial = kind === 'manifest' && repository.startsWith('library/')
  const isDaemon = headers['user-agent']?.startsWith('docker/') === true
  if (place.kind === 'registry' && isOfficial && isDaemon)
    parts.strays.noteMisdirected(repository, peer.remoteAddress)
}

function isAbsence(error: unknown): boolean {
  return isRegistryError(error) && (error.failure === 'manifest-unknown' || error.failure === 'name-unknown')
}

/** Clients of a mirror are never asked to log in: they would send the password of another registry (clients.md §7). */
function refusalAt<K extends RepositoryCallKind>(
  { place, caller }: RequestContext,
  { action }: RepositoryRoute<K>,
  { repository }: CallOf<K>,
): RegistryError {
  return place.kind === 'registry'
    ? refusalOf(caller, action, repository)
    : new RegistryError('name-unknown', { name: repository })
}

/** Whoever names a namespace is told that it was understood (distribution-spec, "Registry Proxying"); what may be old says so. */
function furtherHeaders(answer: Answer, { namespace }: View): Answer {
  const warning = answer.served?.warning
  if (namespace === undefined && warning === undefined) return answer
  const headers = {
    ...answer.headers,
    ...(namespace !== undefined && { 'OCI-Namespace': namespace }),
    ...(warning !== undefined && warningHeader([warning])),
  }
  return { ...answer, headers }
}

/**
 * Who asks. On a mirror a header that is not ours is dropped: daemons send it what they were given for Docker Hub
 * (clients.md §2).
 */
export async function identify(context: RequestContext, authorization: string): Promise<void> {
  const { parts, peer, from, place } = context
  try {
    const caller = parts.access.identify(authorization, from)
    peer.caller = 'then' in caller ? await caller : caller // no turn of the loop for one who is remembered
    const isNobody = peer.caller.account === '' && peer.caller.token === undefined
    if (isNobody && place.kind !== 'registry') parts.strays.droppedLogins += 1
  } catch (error) {
    if (place.kind === 'registry' || !isRegistryError(error)) throw error
    parts.strays.droppedLogins += 1
  }
}

/** As registry:2 answers: the methods, and nothing else. */
function optionsOf(kind: CallKind): Answer {
  return { status: 200, headers: { Allow: allowedMethods(kind) } }
}

function unsupported(method: string, kind: CallKind): RegistryError {
  return new RegistryError('method-unsupported', { method, allowed: allowedMethods(kind) })
}
