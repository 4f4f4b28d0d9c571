import type { Digest } from '../oci/digest.js'
import { type Manifest, findStoredManifest } from '../oci/manifest.js'

/** Of the sources of all that is kept: 20,000 usual manifests, or eight of the largest. */
const LIMIT_CHARS = 32 * 1024 * 1024

/** What manifests mean, by digest, most recently used last: the bytes of a digest never change, so it never goes stale. */
export class ManifestCache {
  readonly #kept = new Map<Digest, Manifest>()
  #chars = 0

  /** Undefined for what is no manifest of ours (registry:2 kept schema 1). */
  find(digest: Digest, bytes: Uint8Array): Manifest | undefined {
    const kept = this.#kept.get(digest)
    if (kept === undefined) {
      const read = findStoredManifest(bytes)
      if (read !== undefined) this.keep(digest, read)
      return read
    }
    this.#kept.delete(digest)
    this.#kept.set(digest, kept)
    return kept
  }

  keep(digest: Digest, manifest: Manifest): void {
    this.#drop(digest)
    this.#kept.set(digest, manifest)
    this.#chars += manifest.sizeChars
    for (const oldest of this.#kept.keys()) {
      if (this.#chars <= LIMIT_CHARS) break
      this.#drop(oldest)
    }
  }

  #drop(digest: Digest): void {
    this.#chars -= this.#kept.get(digest)?.sizeChars ?? 0
    this.#kept.delete(digest)
  }
}
