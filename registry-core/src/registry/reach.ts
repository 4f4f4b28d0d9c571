import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Digest } from '../oci/digest.js'
import { RegistryError } from '../oci/failure.js'
import { MANIFEST_LIMIT_BYTES, type Manifest } from '../oci/manifest.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Content, StoredContent } from '../store/store.js'
import type { ManifestCache } from './manifest-cache.js'

/** Indexes in indexes deeper than this are refused (attack row 31). */
const MAX_DEPTH = 4

/** Synchronous looks in a row before others get their turn. */
const LOOKS_A_TURN = 200

/** Manifest bytes read, hashed and parsed in a row before others get their turn: some milliseconds. */
const BYTES_A_TURN = 512 * 1024

/** Each miss reads trash: after this many the answer is known, and says enough. */
const MISSING_LIMIT = 100

/**
 * What a manifest may mention beyond its references (digests in annotations, foreign layers): so many, and for each
 * reference that is here a few more (lazily pulled layers and build caches have up to three). Nobody has to hold what
 * is only mentioned, so without a bound one request could ask for any number of looks.
 */
const MENTIONED_LIMIT = 1000
const MENTIONED_PER_REFERENCE = 4

export interface Reached {
  /** What the manifest needs and the repository does not hold; the first hundred. */
  readonly missing: readonly Digest[]
  /** Descriptors whose size is not that of the content: said, not refused (registry:2 took them). */
  readonly wrongSizes: readonly Digest[]
}

interface Walk {
  readonly repository: RepositoryName
  readonly renew: boolean
  /** What was looked at: a digest may be a manifest to one and a blob to another. */
  readonly seen: { readonly manifest: Set<Digest>; readonly blob: Set<Digest> }
  readonly missing: Digest[]
  readonly wrongSizes: Digest[]
  /** Manifest bytes since others had their turn. */
  bytesOfTurn: number
  /** What may be absent: looked at when all that may not was found. The size where a descriptor tells it. */
  readonly mentioned: Map<Digest, number | undefined>
}

/** Everything that a manifest reaches, seen in one repository (gc-protocol §4: "look at all", "promise all"). */
export class Reach {
  readonly #content: Content
  readonly #manifests: ManifestCache

  constructor(options: { content: Content; manifests: ManifestCache }) {
    this.#content = options.content
    this.#manifests = options.manifests
  }

  /**
   * With `renew`, leases too: before a manifest is taken.
   * @throws RegistryError `manifest-invalid` for indexes too deep, and with `renew` for too many mentions
   */
  async look(repository: RepositoryName, manifest: Manifest, renew: boolean): Promise<Reached> {
    const seen = { manifest: new Set<Digest>(), blob: new Set<Digest>() }
    const walk: Walk = {
      ...{ repository, renew, seen, missing: [], wrongSizes: [] },
      ...{ bytesOfTurn: 0, mentioned: new Map() },
    }
    await this.#walk(walk, manifest, 1)
    if (walk.missing.length === 0) await this.#seeMentioned(walk)
    return { missing: walk.missing, wrongSizes: walk.wrongSizes }
  }

  async #walk(walk: Walk, manifest: Manifest, depth: number): Promise<void> {
    if (manifest.kind === 'index' && depth > MAX_DEPTH)
      throw new RegistryError('manifest-invalid', {
        why: `indexes are nested deeper than ${MAX_DEPTH}`,
      })
    for (const { digest, sizeBytes, kind, optional } of manifest.references) {
      if (walk.missing.length >= MISSING_LIMIT) return
      if (optional) walk.mentioned.set(digest, sizeBytes)
      if (optional || walk.seen[kind].has(digest)) continue
      walk.seen[kind].add(digest)
      if (countSeen(walk) % LOOKS_A_TURN === 0) await nextTurn()
      const found =
        kind === 'manifest' ? await this.#child(walk, digest, depth) : await this.#see(walk, 'layer', digest)
      if (found === undefined) walk.missing.push(digest)
      else if (found.sizeBytes !== sizeBytes) walk.wrongSizes.push(digest)
    }
    for (const digest of manifest.mentioned)
      if (!walk.mentioned.has(digest)) walk.mentioned.set(digest, undefined)
  }

  /** Whatever else looks like a digest (unknown media types refer in their own ways): kept if it is here. */
  async #seeMentioned(walk: Walk): Promise<void> {
    const { seen, mentioned, repository, renew, wrongSizes } = walk
    for (const digest of [...seen.manifest, ...seen.blob]) mentioned.delete(digest)
    const limit = MENTIONED_LIMIT + MENTIONED_PER_REFERENCE * countSeen(walk)
    if (renew && mentioned.size > limit)
      throw new RegistryError('manifest-invalid', {
        why: `it mentions ${mentioned.size} digests beside its references; ${limit} are allowed`,
      })
    const found = await this.#content.lookAtMentioned(repository, [...mentioned.keys()], renew)
    for (const [digest, sizeBytes] of mentioned) {
      const actual = found.get(digest)?.sizeBytes
      if (sizeBytes !== undefined && actual !== undefined && actual !== sizeBytes) wrongSizes.push(digest)
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
    await giveTurn(walk, bytes.length) // between hashing and parsing: both take their time over 4 MiB
    const child = this.#manifests.find(digest, bytes)
    // What is no manifest of ours reaches nothing that we know.
    if (child !== undefined) await this.#walk(walk, child, depth + 1)
    return found
  }
}

async function giveTurn(walk: Walk, bytes: number): Promise<void> {
  walk.bytesOfTurn += bytes
  if (walk.bytesOfTurn < BYTES_A_TURN) return
  walk.bytesOfTurn = 0
  await nextTurn()
}

function countSeen({ seen }: Walk): number {
  return seen.manifest.size + seen.blob.size
}
