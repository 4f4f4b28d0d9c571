import type { Digest } from '../oci/digest.js'
import type { GrowingContent } from '../registry/source.js'
import type { MirroredName } from './mirrored-name.js'
import type { Upstream } from './upstream/upstream.js'

/** One download per upstream and digest, and any number of readers (design §5). */
export interface Downloads {
  /**
   * The bytes of a blob as they come: starts the download, or joins the running one. Answers when its size is known, that
   * is with the upstream's headers. Once it is whole and verified it is committed and linked in each repository that asked for it.
   * The caller knows that the blob belongs to the repository.
   * @throws UpstreamFailure when the upstream does not give it
   */
  join(upstream: Upstream, name: MirroredName, digest: Digest, signal: AbortSignal): Promise<GrowingContent>
  /** Whether a download of it runs, for whichever repository. */
  isFetching(upstream: Upstream, digest: Digest): boolean
  /** Stops what runs; what has come is kept for the next process. */
  close(): Promise<void>
}
