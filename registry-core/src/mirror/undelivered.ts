import type { Digest } from '../oci/digest.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Clock } from '../system/clock.js'
import { RecentMap } from '../system/recent-map.js'
import type { UpstreamFailure } from './upstream/upstream-failure.js'

/** So long what an upstream did not give is not announced again. */
const REMEMBERED_MS = 10_000
/** So many of them at once. */
const LIMIT = 1000

/** A blob that was announced to a client, which then did not get it. */
export interface Undelivered {
  readonly blob: Digest
  readonly failure: UpstreamFailure
}

interface Kept extends Undelivered {
  readonly repository: RepositoryName
  /** What names it, or is it: found in the bytes of what is about to be answered. */
  readonly digest: Digest
}

/**
 * What one upstream did not give a moment ago. Clients that choose where they pull from by the first manifest have no way
 * back: podman begins again with the tag, and has to be sent on there (clients.md §7).
 */
export class UndeliveredBlobs {
  readonly #kept: RecentMap<Kept>

  constructor({ clock }: { readonly clock: Clock }) {
    this.#kept = new RecentMap({ clock, forMs: REMEMBERED_MS, limit: LIMIT })
  }

  note(repository: RepositoryName, { blob, failure }: Undelivered, digest: Digest = blob): void {
    this.#kept.set(`${repository} ${digest}`, { repository, blob, failure, digest })
  }

  /** Those that a manifest with these bytes needs, itself or by one that it names. */
  neededBy(repository: RepositoryName, manifest: Buffer): readonly Undelivered[] {
    const kept = this.#kept.values()
    return kept.filter((each) => each.repository === repository && manifest.includes(each.digest))
  }
}
