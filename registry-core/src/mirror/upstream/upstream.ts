import type { Digest } from '../../oci/digest.js'
import type { Descriptor } from '../../oci/manifest.js'
import type { Reference } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'

/**
 * A registry elsewhere, in the specification's words. Repositories are named as they are there. Every method asks at
 * once and repeats nothing but what a token, a redirect or the next URL needs; what goes wrong is an `UpstreamFailure`.
 */
export interface Upstream {
  readonly host: string
  /** The digest of a manifest: HEAD; of one whose answer names none, a GET. */
  resolve(repository: RepositoryName, reference: Reference, signal: AbortSignal): Promise<Digest>
  /** A manifest, verified against the digest that was asked for or that the answer names. */
  manifest(repository: RepositoryName, reference: Reference, signal: AbortSignal): Promise<FetchedManifest>
  /** HEAD of a blob. The size is undefined when the upstream has it, and does not say how long it is. */
  describeBlob(
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number | undefined }>
  /**
   * The bytes of a blob from `first` on, not verified. An upstream that cannot do ranges begins at 0: `first` of the
   * answer says where. Waits for one of the upstream's `maxConnections`; small ones first, as far as sizes are known
   * (`sizeOf` of open-upstream.ts).
   */
  blob(repository: RepositoryName, digest: Digest, first: number, signal: AbortSignal): Promise<FetchedBlob>
  /** A page of tags, as the upstream lists them. */
  tags(
    repository: RepositoryName,
    page: { readonly limit: number | undefined; readonly last: string | undefined },
    signal: AbortSignal,
  ): Promise<{ readonly tags: readonly string[]; readonly more: boolean }>
  /** What refers to a manifest, all pages, bounded; empty for an upstream that has no such list. */
  referrers(repository: RepositoryName, subject: Digest, signal: AbortSignal): Promise<readonly Descriptor[]>
  /** Whether an anonymous client could pull from the repository: asks, each time (mirror/visibility.ts remembers). */
  isPublic(repository: RepositoryName, signal: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

export interface FetchedManifest {
  readonly digest: Digest
  /** As the upstream says it. */
  readonly mediaType: string
  readonly bytes: Buffer
  /** For the note beside it. */
  readonly etag: string | undefined
}

export interface FetchedBlob {
  /** Of the whole blob; undefined when the upstream does not say. */
  readonly sizeBytes: number | undefined
  /** Where the body begins. */
  readonly first: number
  /** Ends early by throwing an `UpstreamFailure`; whoever stops reading it closes the connection. */
  readonly body: AsyncIterable<Buffer>
}
