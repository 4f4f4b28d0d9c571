import type { Action } from '../access/may.js'
import type { Endpoint, RepositoryEndpoint } from './context.js'
import { getHealth, getReadiness, getRoot, getVersion, redirectToVersion } from './endpoints/base.js'
import { deleteBlob, getBlob } from './endpoints/blobs.js'
import { listReferrers, listRepositories, listTags } from './endpoints/lists.js'
import { deleteManifest, getManifest, putManifest } from './endpoints/manifests.js'
import { getToken, postToken } from './endpoints/token.js'
import { abortUpload, appendToUpload, beginUpload, finishUpload, getUpload } from './endpoints/uploads.js'
import type { CallKind, RepositoryCallKind } from './target.js'

export type Method = (typeof METHODS)[number]

const METHODS = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'] as const

/** What a call to a repository needs the right for, and who answers it. */
export interface RepositoryRoute<K extends RepositoryCallKind> {
  readonly action: Action
  readonly endpoint: RepositoryEndpoint<K>
}

type Methods<Row> = { readonly [M in Method]?: Row }
type PlainCallKind = Exclude<CallKind, RepositoryCallKind>
type PlainRoutes = { readonly [K in PlainCallKind]: Methods<Endpoint<K>> }
type RepositoryRoutes = { readonly [K in RepositoryCallKind]: Methods<RepositoryRoute<K>> }

/** The API on one screen. HEAD is GET without its body; OPTIONS is answered from this table. */
export const ROUTES: PlainRoutes & RepositoryRoutes = {
  root: both(getRoot),
  'version-redirect': both(redirectToVersion),
  version: both(getVersion),
  healthz: both(getHealth),
  readyz: both(getReadiness),
  token: { ...both(getToken), POST: postToken },
  catalog: both(listRepositories),
  tags: both(route('pull', listTags)),
  referrers: both(route('pull', listReferrers)),
  manifest: {
    ...both(route('pull', getManifest)),
    PUT: route('push', putManifest),
    DELETE: route('delete', deleteManifest),
  },
  blob: {
    ...both(route('pull', getBlob)),
    DELETE: route('delete', deleteBlob),
  },
  uploads: { POST: route('push', beginUpload) },
  upload: {
    ...both(route('push', getUpload)),
    PATCH: route('push', appendToUpload),
    PUT: route('push', finishUpload),
    DELETE: route('push', abortUpload),
  },
}

function findMethod(text: string): Method | undefined {
  return METHODS.find((method) => method === text)
}

/** Who answers a call that is not about one repository. */
export function findEndpoint<K extends PlainCallKind>(kind: K, method: string): Endpoint<K> | undefined {
  const known = findMethod(method)
  const routes: PlainRoutes = ROUTES
  return known && routes[kind][known]
}

/** Who answers a call to a repository, and what right it needs. */
export function findRoute<K extends RepositoryCallKind>(
  kind: K,
  method: string,
): RepositoryRoute<K> | undefined {
  const known = findMethod(method)
  const routes: RepositoryRoutes = ROUTES
  return known && routes[kind][known]
}

/** The methods of a call, as an `Allow` header has them. */
export function allowedMethods(kind: CallKind): string {
  return Object.keys(ROUTES[kind]).toSorted().join(', ')
}

function both<T>(row: T): { readonly GET: T; readonly HEAD: T } {
  return { GET: row, HEAD: row }
}

function route<K extends RepositoryCallKind>(
  action: Action,
  endpoint: RepositoryEndpoint<K>,
): RepositoryRoute<K> {
  return { action, endpoint }
}
