import type { RepositoryName } from '../../oci/repository.js'
import type { Upstream } from '../upstream/upstream.js'

/** What is asked of an upstream; `blob`: bytes of one, or how many there are; `manifest`: anything else. */
export interface UpstreamCall {
  readonly kind: 'manifest' | 'blob'
  readonly repository: RepositoryName
  readonly signal: AbortSignal
}

/** An upstream each of whose requests goes through `around`. */
export function wrapUpstream(
  upstream: Upstream,
  around: <T>(call: UpstreamCall, ask: () => Promise<T>) => Promise<T>,
): Upstream {
  return {
    host: upstream.host,
    resolve: (repository, reference, signal) =>
      around({ kind: 'manifest', repository, signal }, () => upstream.resolve(repository, reference, signal)),
    manifest: (repository, reference, signal) =>
      around({ kind: 'manifest', repository, signal }, () =>
        upstream.manifest(repository, reference, signal),
      ),
    describeBlob: (repository, digest, signal) =>
      around({ kind: 'blob', repository, signal }, () => upstream.describeBlob(repository, digest, signal)),
    blob: (repository, digest, first, signal) =>
      around({ kind: 'blob', repository, signal }, () => upstream.blob(repository, digest, first, signal)),
    tags: (repository, page, signal) =>
      around({ kind: 'manifest', repository, signal }, () => upstream.tags(repository, page, signal)),
    referrers: (repository, subject, signal) =>
      around({ kind: 'manifest', repository, signal }, () => upstream.referrers(repository, subject, signal)),
    isPublic: (repository, signal) =>
      around({ kind: 'manifest', repository, signal }, () => upstream.isPublic(repository, signal)),
    close: () => upstream.close(),
  }
}
