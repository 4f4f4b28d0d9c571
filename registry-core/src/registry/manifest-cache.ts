import type { Digest } from '../oci/digest.js'
import { type Manifest, parseStoredManifest } from '../oci/manifest.js'

const LIMIT = 20_000

/** What manifests mean, by digest: the bytes of a digest never change, so this never goes stale. */
export class ManifestCache {
  readonly #kept = new Map<Digest, Manifest>()

  /** @throws RegistryError `manifest-invalid` when a store holds what is no manifest */
  parse(digest: Digest, bytes: Uint8Array): Manifest {
    const kept = this.#kept.get(digest)
    if (kept !== undefined) return kept
    const manifest = parseStoredManifest(bytes)
    this.keep(digest, manifest)
    return manifest
  }

  keep(digest: Digest, manifest: Manifest): void {
    this.#kept.set(digest, manifest)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= LIMIT) break
      this.#kept.delete(oldest)
    }
  }
}
