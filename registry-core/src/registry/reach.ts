import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Digest } from '../oci/digest.js'
import { isRegistryError, RegistryError } from '../oci/failure.js'
import { MANIFEST_LIMIT_BYTES, type Manifest } from '../oci/manifest.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Content, StoredContent } from '../store/store.js'
import type { ManifestCache } from './manifest-cache.js'

/** Indexes in indexes deeper than this are refused (attack row 31). */
const MAX_DEPTH = 4

/** Synchronous looks in a row before others get their turn. */
const LOOKS_A_TURN = 200

export interface Reached {
  /** What the manifest needs and the repository does not hold. */
  readonly missing: readonly Digest[]
  /** Descriptors whose size is not that of the content: said, not refused (registry:2 took them). */
  readonly wrongSizes: readonly Digest[]
}

interface Walk {
  readonly repository: RepositoryName
  readonly renew: boolean
  readonly seen: Set<Digest>
  readonly missing: Digest[]
  readonly wrongSizes: Digest[]
}

/** Everything that a manifest reaches, seen in one repository (gc-protocol §4: "look at all", "promise all"). */
export class Reach {
  readonly #content: Content
  readonly #manifests: ManifestCache

  constructor(options: { content: Content; manifests: ManifestCache }) {
    this.#content = options.content
    this.#manifests = options.manifests
  }

  /** With `renew`, leases too: before a manifest is taken. */
  async look(repository: RepositoryName, manifest: Manifest, renew: boolean): Promise<Reached> {
    const walk: Walk = { repository, renew, seen: new Set(), missing: [], wrongSizes: [] }
    await this.#walk(walk, manifest, 1)
    return { missing: walk.missing, wrongSizes: walk.wrongSizes }
  }

  async #walk(walk: Walk, manifest: Manifest, depth: number): Promise<void> {
    if (manifest.kind === 'index' && depth > MAX_DEPTH)
      throw new RegistryError('manifest-invalid', {
        why: `indexes are nested deeper than ${MAX_DEPTH}`,
      })
    for (const { digest, sizeBytes, kind, optional } of manifest.references) {
      if (walk.seen.has(digest)) continue
      walk.seen.add(digest)
      if (walk.seen.size % LOOKS_A_TURN === 0) await nextTurn()
      const found =
        kind === 'manifest' ? await this.#child(walk, digest, depth) : await this.#see(walk, 'layer', digest)
      if (found === undefined && !optional) walk.missing.push(digest)
      else if (found !== undefined && found.sizeBytes !== sizeBytes) walk.wrongSizes.push(digest)
    }
    // Whatever else looks like a digest (unknown media types refer in their own ways): kept if it is here.
    for (const digest of manifest.mentioned) {
      if (walk.seen.has(digest)) continue
      walk.seen.add(digest)
      await this.#see(walk, 'layer', digest)
      await this.#see(walk, 'revision', digest)
    }
  }

  #see(walk: Walk, linkage: 'layer' | 'revision', digest: Digest): Promise<StoredContent | undefined> {
    return walk.renew
      ? this.#content.promise(linkage, walk.repository, digest)
      : this.#content.look(linkage, walk.repository, digest)
  }

  /** What an index names: a manifest of this repository and all below it, or (BuildKit's cache) a blob. */
  async #child(walk: Walk, digest: Digest, depth: number): Promise<StoredContent | undefined> {
    const found = await this.#see(walk, 'revision', digest)
    if (found === undefined) return this.#see(walk, 'layer', digest)
    const bytes = await this.#content.readVerified(found, MANIFEST_LIMIT_BYTES)
    if (bytes === undefined) return undefined
    const child = this.#parse(digest, bytes)
    if (child !== undefined) await this.#walk(walk, child, depth + 1)
    return found
  }

  /** Undefined for what is no manifest of ours (registry:2 kept schema 1): it reaches nothing that we know. */
  #parse(digest: Digest, bytes: Buffer): Manifest | undefined {
    try {
      return this.#manifests.parse(digest, bytes)
    } catch (error) {
      if (isRegistryError(error)) return undefined
      throw error
    }
  }
}
