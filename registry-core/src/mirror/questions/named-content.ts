import type { Digest } from '../../oci/digest.js'
import { findStoredManifest, type Reference } from '../../oci/manifest.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { StoredManifest } from '../../registry/source.js'
import { BoundedMap } from '../../system/bounded-map.js'

const MANIFESTS_LIMIT = 5000
const NAMES_LIMIT = 20_000

/**
 * What the manifests that clients asked for lately name, each in its repository, and how long that is. Nobody has verified
 * it; the sizes are a hint, but refusals rest on the names (questions.ts): what is named here is asked for whatever
 * clients make up. A name that is forgotten, or not read again because its manifest was a moment ago, counts as one that
 * its client may have made up: it is asked for all the same, unless too many of those were refused.
 */
export class NamedContent {
  readonly #read = new BoundedMap<true>(MANIFESTS_LIMIT)
  readonly #names = new BoundedMap<true>(NAMES_LIMIT)
  readonly #sizes = new BoundedMap<number>(NAMES_LIMIT)

  /** Each is read once; answers what it names then. */
  note(
    repository: RepositoryName,
    { digest, bytes }: Pick<StoredManifest, 'digest' | 'bytes'>,
  ): readonly Digest[] {
    const manifest = `${repository} ${digest}`
    if (this.#read.get(manifest)) return []
    this.#read.set(manifest, true)
    const references = findStoredManifest(bytes)?.references ?? []
    for (const named of references) {
      this.#names.set(keyOf(repository, named.kind, named.digest), true)
      this.#sizes.set(named.digest, named.sizeBytes)
    }
    return references.map((named) => named.digest)
  }

  /** Whether a manifest of that repository names it, and as what: anybody may ask for it elsewhere, or as the other. */
  isNamed(repository: RepositoryName, kind: Reference['kind'], digest: string): boolean {
    return this.#names.get(keyOf(repository, kind, digest)) ?? false
  }

  /** Undefined when no manifest has said it. */
  sizeOf(digest: Digest): number | undefined {
    return this.#sizes.get(digest)
  }
}

function keyOf(repository: RepositoryName, kind: Reference['kind'], digest: string): string {
  return `${repository} ${kind} ${digest}`
}
