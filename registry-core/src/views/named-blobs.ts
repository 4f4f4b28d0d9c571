import { untilAborted } from '../mirror/until-aborted.js'
import { type Digest, digestsIn } from '../oci/digest.js'
import { findStoredManifest } from '../oci/manifest.js'
import type { LocalRepository } from '../registry/source.js'
import type { Origins, OriginSummary, Provenance } from '../store/fetched.js'
import { BoundedMap } from '../system/bounded-map.js'

const REPOSITORIES_LIMIT = 1000
/** Kept over all repositories; the one that was looked through first goes first. */
const DIGESTS_LIMIT = 200_000

interface Named {
  /** From where those revisions came that name a blob: one of each kind and upstream. */
  readonly blobs: ReadonlyMap<Digest, readonly Provenance[]>
  /** What each revision names: that never changes, so the next look need not read it. */
  readonly revisions: ReadonlyMap<Digest, readonly Digest[]>
}

interface Kept {
  /** Another one says that a revision may have come or gone. */
  readonly summary: OriginSummary
  readonly named: Promise<Named>
  readonly digests: number
}

/**
 * Which revisions a blob belongs to is written nowhere: all manifests of a repository are looked through for it, once
 * for all who ask until one comes or goes.
 */
export class NamedBlobs {
  readonly #origins: Pick<Origins, 'revisions' | 'summary'>
  readonly #kept = new BoundedMap<Kept>(REPOSITORIES_LIMIT)

  constructor({ origins }: { readonly origins: Pick<Origins, 'revisions' | 'summary'> }) {
    this.#origins = origins
  }

  /** Whether one of the revisions that are seen names it. @throws the signal's reason */
  async isNamed(
    local: LocalRepository,
    blob: Digest,
    sees: (provenance: Provenance) => boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    signal.throwIfAborted()
    const summary = await this.#origins.summary(local.repository)
    const named = await untilAborted(this.#find(local, summary), signal)
    return named.blobs.get(blob)?.some(sees) ?? false
  }

  #find(local: LocalRepository, summary: OriginSummary): Promise<Named> {
    const { repository } = local
    const kept = this.#kept.get(repository)
    if (kept?.summary === summary) return kept.named
    const found: Kept = { summary, named: this.#look(local, kept?.named), digests: 0 }
    this.#kept.set(repository, found)
    const isNewest = (): boolean => this.#kept.get(repository) === found
    const keep = ({ blobs, revisions }: Named): void => {
      if (!isNewest()) return
      this.#kept.set(repository, { ...found, digests: blobs.size + revisions.size })
      this.#makeRoom()
    }
    found.named.then(keep, () => isNewest() && this.#kept.delete(repository)) // those who asked hear of a failure
    return found.named
  }

  #makeRoom(): void {
    let total = 0
    for (const { digests } of this.#kept.values()) total += digests
    for (const [repository, { digests }] of this.#kept.entries()) {
      if (total <= DIGESTS_LIMIT) return
      this.#kept.delete(repository)
      total -= digests
    }
  }

  /** @param before the last look into the same repository */
  async #look(local: LocalRepository, before: Promise<Named> | undefined): Promise<Named> {
    const known = await before?.catch(() => undefined)
    const blobs = new Map<Digest, readonly Provenance[]>()
    const revisions = new Map<Digest, readonly Digest[]>()
    const alike = new Map<string, readonly Provenance[]>()
    for await (const { digest, provenance } of this.#origins.revisions(local.repository)) {
      const named = known?.revisions.get(digest) ?? (await namedBy(local, digest))
      if (named === undefined) continue
      revisions.set(digest, named)
      const key = keyOf(provenance)
      const one = alike.get(key) ?? [provenance]
      alike.set(key, one)
      for (const blob of named) {
        const others = blobs.get(blob)
        if (others === undefined) blobs.set(blob, one)
        else if (!others.some((other) => keyOf(other) === key)) blobs.set(blob, [...others, provenance])
      }
    }
    return { blobs, revisions }
  }
}

/** What its caller's eyes depend on. */
function keyOf(provenance: Provenance): string {
  if (provenance.kind !== 'fetched') return provenance.kind
  const { host, isPublic } = provenance.from
  return `${host} ${isPublic === true}`
}

/** Of what we do not understand (schema 1, which only registry:2 took) each digest that stands in it. */
async function namedBy(local: LocalRepository, digest: Digest): Promise<readonly Digest[] | undefined> {
  const request = { countsAsPull: false, isSparse: true }
  const stored = await local.manifest({ kind: 'digest', digest }, request)
  if (stored === undefined) return undefined
  const manifest = findStoredManifest(stored.bytes)
  if (manifest === undefined) return [...digestsIn(stored.bytes.toString('latin1'))]
  return manifest.references.map((reference) => reference.digest)
}
