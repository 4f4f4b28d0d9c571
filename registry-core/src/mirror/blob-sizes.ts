import type { Digest } from '../oci/digest.js'
import { findStoredManifest } from '../oci/manifest.js'
import type { StoredManifest } from '../registry/source.js'
import { BoundedMap } from '../system/bounded-map.js'

const MANIFESTS_LIMIT = 5000
const BLOBS_LIMIT = 20_000

/** How long blobs are, as the manifests say that clients asked for lately. A hint: nobody has verified it. */
export class BlobSizes {
  readonly #read = new BoundedMap<true>(MANIFESTS_LIMIT)
  readonly #sizes = new BoundedMap<number>(BLOBS_LIMIT)

  /** Each is read once. */
  note({ digest, bytes }: Pick<StoredManifest, 'digest' | 'bytes'>): void {
    if (this.#read.get(digest)) return
    this.#read.set(digest, true)
    for (const { kind, digest: blob, sizeBytes } of findStoredManifest(bytes)?.references ?? [])
      if (kind === 'blob') this.#sizes.set(blob, sizeBytes)
  }

  /** Undefined when no manifest has said it. */
  find(digest: Digest): number | undefined {
    return this.#sizes.get(digest)
  }
}
