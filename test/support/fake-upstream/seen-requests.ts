import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** What is asked of an upstream; `elsewhere` is the storage that it sends clients on to. */
export type RequestKind =
  | 'ping'
  | 'token'
  | 'manifest'
  | 'blob'
  | 'tags'
  | 'referrers'
  | 'elsewhere'
  | 'other'

/** A request as it arrived. */
export interface SeenRequest {
  readonly kind: RequestKind
  readonly method: string
  /** As it went over the wire. */
  readonly target: string
  /** Out of the target; empty where the kind has none. */
  readonly repository: string
  /** The tag or digest. */
  readonly reference: string
  readonly range: string | undefined
  /** Whether it is from a mirror of ours, by what it calls itself. */
  readonly isOurs: boolean
  readonly headers: IncomingHttpHeaders
  /** What it was answered; undefined while it waits, and when it never was. */
  status: number | undefined
}

/** Which of the requests: every field that is given must be equal, and a pattern match. */
export interface RequestFilter {
  readonly kind?: RequestKind
  readonly method?: string
  readonly repository?: string
  readonly reference?: string
  readonly range?: string
  readonly status?: number
  readonly isOurs?: boolean
  readonly target?: RegExp
}

export function matches(seen: SeenRequest, { target, ...equal }: RequestFilter): boolean {
  if (target !== undefined && !target.test(seen.target)) return false
  const wanted: Readonly<Record<string, unknown>> = equal
  const found: Readonly<Record<string, unknown>> = { ...seen }
  return Object.entries(wanted).every(([field, value]) => value === undefined || found[field] === value)
}

const KINDS: readonly (readonly [RequestKind, RegExp])[] = [
  ['ping', /^\/v2\/?$/],
  ['token', /^\/token$/],
  ['elsewhere', /^\/elsewhere\/(?<repository>.+)\/(?<reference>[^/]+)$/],
  ['manifest', /^\/v2\/(?<repository>.+)\/manifests\/(?<reference>[^/]+)$/],
  ['blob', /^\/v2\/(?<repository>.+)\/blobs\/(?<reference>[^/]+)$/],
  ['tags', /^\/v2\/(?<repository>.+)\/tags\/list$/],
  ['referrers', /^\/v2\/(?<repository>.+)\/referrers\/(?<reference>[^/]+)$/],
]

export function see({ method = '', url = '/', headers }: IncomingMessage): SeenRequest {
  const [path = ''] = url.split('?')
  const isOurs = headers['user-agent'] === 'registry-core'
  const common = { method, target: url, range: headers.range, isOurs, headers, status: undefined }
  for (const [kind, shape] of KINDS) {
    const found = shape.exec(path)
    if (found === null) continue
    const { repository = '', reference = '' } = found.groups ?? {}
    return { kind, repository, reference, ...common }
  }
  return { kind: 'other', repository: '', reference: '', ...common }
}

/** The query of a request. */
export function queryOf({ target }: SeenRequest): URLSearchParams {
  return new URL(target, 'http://upstream').searchParams
}
