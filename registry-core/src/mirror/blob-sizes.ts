import type { Digest } from '../oci/digest.js'
import { findStoredManifest } from '../oci/manifest.js'
import type { StoredManifest } from '../registry/source.js'
import { BoundedMap } from '../system/bounded-map.js'

const MANIFESTS_LIMIT = 5000
const BLOBS_LIMIT = 20_000

/** How long blobs and manifests are, as the manifests say that clients asked for lately. A hint: nobody has verified it. */
export class BlobSizes {
  readonly #read = new BoundedMap<true>(MANIFESTS_LIMIT)
  readonly #sizes = new BoundedMap<number>(BLOBS_LIMIT)

  /** Each is read once; answers what it names then. */
  note({ digest, bytes }: Pick<StoredManifest, 'digest' | 'bytes'>): readonly Digest[] {
    if (this.#read.get(digest)) return []
    this.#read.set(digest, true)
    const references = findStoredManifest(bytes)?.references ?? []
    for (const named of references) this.#sizes.set(named.digest, named.sizeBytes)
    return references.map((named) => named.digest)
  }

  /** Undefined when no manifest has said it. */
  find(digest: string): number | undefined {
    return this.#sizes.get(digest)
  }
}
