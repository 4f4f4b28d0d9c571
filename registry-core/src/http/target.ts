import { type Algorithm, type Digest, parseAlgorithm, parseDigest } from '../oci/digest.js'
import { RegistryError } from '../oci/failure.js'
import { parseReference, parseTag, type Reference, type Tag } from '../oci/reference.js'
import { parseRepositoryName, type RepositoryName } from '../oci/repository.js'
import { parseTokenForm, type TokenForm } from './token-form.js'
import { malformedTarget, type Page, parseQuery, type Query } from './query.js'

/** What each call carries, by its kind; paths and queries are not seen further in. */
export interface Calls {
  /** `/` */
  root: object
  /** `/v2`, which moves on to `/v2/`. */
  'version-redirect': object
  /** `/v2/`: end-1. */
  version: object
  healthz: object
  readyz: object
  /** `/token`, with what its query asks for. */
  token: { readonly form: TokenForm }
  catalog: { readonly page: Page }
  tags: InRepository & { readonly page: Page }
  manifest: InRepository & { readonly reference: Reference; readonly tags: readonly Tag[] }
  blob: InRepository & { readonly digest: Digest }
  referrers: InRepository & {
    readonly digest: Digest
    readonly artifactType: string | undefined
    readonly page: Page
  }
  /** `blobs/uploads/`: where sessions begin. */
  uploads: InRepository & {
    readonly digest: Digest | undefined
    readonly mount: Digest | undefined
    readonly from: RepositoryName | undefined
    readonly algorithm: Algorithm | undefined
  }
  /** `blobs/uploads/<upload>`: one session. */
  upload: InRepository & { readonly upload: string; readonly digest: Digest | undefined }
}

interface InRepository {
  readonly repository: RepositoryName
  /** `?ns=`: the upstream that a client means. */
  readonly namespace: string | undefined
}

export type CallKind = keyof Calls
export type CallOf<K extends CallKind> = { readonly kind: K } & Calls[K]
/** What a client wants, out of the request target. */
export type Call = { readonly [K in CallKind]: CallOf<K> }[CallKind]
export type RepositoryCallKind = {
  readonly [K in CallKind]: Calls[K] extends InRepository ? K : never
}[CallKind]

/**
 * The path of an acceptable target, as JavaScript and PCRE both read it: nginx holds the same line, so that no two
 * hops disagree on what a path means. Of the escapes only `%3A` is left, for the colon of a digest.
 */
export const PATH_PATTERN = String.raw`^(?:/|(?:/(?!\.\.?(?:/|$))(?:[A-Za-z0-9._:-]|%3[Aa])+)+/?)$`
const PATH = new RegExp(PATH_PATTERN)

/** A longer target is refused before anybody looks at it. */
export const TARGET_LIMIT_BYTES = 8 * 1024

const UPLOAD_SHAPE = /^[A-Za-z0-9-]{1,64}$/

/**
 * Takes the raw target of a request apart: the only code that does. Names are read from the right, since a repository
 * may be called `a/manifests/b`.
 * @param prefix the path that the API stands below (`/hub`), empty for none; `/`, `/healthz` and `/readyz` never do
 * @throws RegistryError of the request's fault
 */
export function parseTarget(target: string, prefix = ''): Call {
  if (target.length > TARGET_LIMIT_BYTES)
    throw new RegistryError('target-too-long', { limitBytes: TARGET_LIMIT_BYTES })
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  if (!PATH.test(path)) throw malformedTarget(faultOf(path))
  const query = parseQuery(mark < 0 ? '' : target.slice(mark + 1))
  const call = path.startsWith(prefix) ? apiCall(path.slice(prefix.length), query) : undefined
  if (call) return call
  if (path === `${prefix}/token`)
    return { kind: 'token', form: parseTokenForm(mark < 0 ? '' : target.slice(mark + 1)) }
  switch (path) {
    case '/':
      return { kind: 'root' }
    case '/healthz':
      return { kind: 'healthz' }
    case '/readyz':
      return { kind: 'readyz' }
    default:
      throw new RegistryError('endpoint-unknown', { path })
  }
}

function apiCall(path: string, query: Query): Call | undefined {
  if (path === '/v2') return { kind: 'version-redirect' }
  if (path === '/v2/') return { kind: 'version' }
  return path.startsWith('/v2/') ? parseApiPath(path, query) : undefined
}

function parseApiPath(path: string, query: Query): Call {
  if (path === '/v2/_catalog') return { kind: 'catalog', page: query.page }
  const tailAt = path.lastIndexOf('/')
  const nounAt = path.lastIndexOf('/', tailAt - 1)
  const name = path.slice('/v2/'.length, nounAt)
  const tail = path.slice(tailAt + 1)
  switch (path.slice(nounAt + 1, tailAt)) {
    case 'manifests':
      return manifestCall(name, tail, query)
    case 'blobs':
      return { kind: 'blob', ...inRepository(name, query), digest: digestIn(tail) }
    case 'referrers':
      return {
        kind: 'referrers',
        ...inRepository(name, query),
        digest: digestIn(tail),
        artifactType: query.artifactType,
        page: query.page,
      }
    case 'tags':
      if (tail === 'list') return { kind: 'tags', ...inRepository(name, query), page: query.page }
      break
    case 'uploads':
      if (name.endsWith('/blobs')) return uploadCall(name.slice(0, -'/blobs'.length), tail, query)
      break
  }
  throw unrouted(path)
}

function manifestCall(name: string, tail: string, query: Query): Call {
  return {
    kind: 'manifest',
    ...inRepository(name, query),
    reference: parseReference(unescapeColons(tail)),
    tags: query.tags.map(parseTag),
  }
}

function uploadCall(name: string, upload: string, query: Query): Call {
  const repository = inRepository(name, query)
  const digest = optional(query.digest, parseDigest)
  if (upload !== '') {
    if (!UPLOAD_SHAPE.test(upload)) throw new RegistryError('upload-unknown', { upload })
    return { kind: 'upload', ...repository, upload, digest }
  }
  return {
    kind: 'uploads',
    ...repository,
    digest,
    mount: optional(query.mount, parseDigest),
    from: optional(query.from, parseRepositoryName),
    algorithm: optional(query.digestAlgorithm, parseAlgorithm),
  }
}

function inRepository(name: string, query: Query): InRepository {
  return { repository: parseRepositoryName(name), namespace: query.namespace }
}

function digestIn(tail: string): Digest {
  return parseDigest(unescapeColons(tail))
}

function unescapeColons(text: string): string {
  return text.includes('%') ? text.replaceAll(/%3a/gi, ':') : text
}

function optional<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text)
}

/** An answer's path of the API, as a client that came in below the prefix must read it. */
export function belowPrefix(
  headers: Readonly<Record<string, string>>,
  prefix: string,
): Readonly<Record<string, string>> {
  const { Location, Link } = headers
  return {
    ...headers,
    ...(Location?.startsWith('/v2/') && { Location: `${prefix}${Location}` }),
    ...(Link?.startsWith('</v2/') && { Link: `<${prefix}${Link.slice(1)}` }),
  }
}

/** No call has this shape; the likeliest slip is a tag with a slash. */
function unrouted(path: string): RegistryError {
  const at = path.lastIndexOf('/manifests/')
  if (at > 0) return new RegistryError('tag-invalid', { tag: path.slice(at + '/manifests/'.length) })
  return new RegistryError('endpoint-unknown', { path })
}

function faultOf(path: string): string {
  if (!path.startsWith('/')) return 'it does not begin with a slash'
  if (path.includes('//')) return 'it has an empty part'
  if (/(?:^|\/)\.\.?(?:\/|$)/.test(path)) return 'it has a part . or ..'
  return 'it may have letters, digits and . _ : - between slashes, and no escape but %3A'
}
