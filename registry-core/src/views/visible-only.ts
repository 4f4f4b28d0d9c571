import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Digest } from '../oci/digest.js'
import type { Descriptor } from '../oci/manifest.js'
import type { Reference, Tag } from '../oci/reference.js'
import { referrerKey } from '../oci/referrer-key.js'
import { REFERRERS_LIMIT, REFERRERS_LIMIT_BYTES } from '../registry/referrers.js'
import type {
  Blob,
  BlobRequest,
  LocalRepository,
  ManifestRequest,
  PageRequest,
  Pulled,
  PulledManifest,
  ReferrersPage,
  ReferrersRequest,
  Source,
  TagsPage,
} from '../registry/source.js'
import type { Origins, Provenance } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import { LocalSource } from './local-source.js'
import type { NamedBlobs } from './named-blobs.js'

/** So many tags are listed in one go. */
const TAGS_AT_ONCE = 1000
/** Tags or referrers in a row before others get their turn: each costs half a dozen synchronous looks at most. */
const LOOKS_A_TURN = 100

interface Options {
  readonly origins: Pick<Origins, 'provenance'>
  readonly links: Pick<Links, 'findTag'>
  readonly named: NamedBlobs
  readonly sees: (provenance: Provenance) => boolean
}

/** A repository of this store with revisions that this caller may not see: they, and what only they name, do not exist. */
export class VisibleOnly implements Source {
  readonly #local: LocalRepository
  readonly #source: LocalSource
  readonly #options: Options

  constructor(local: LocalRepository, options: Options) {
    this.#local = local
    this.#source = new LocalSource(local)
    this.#options = options
  }

  async manifest(
    reference: Reference,
    request: ManifestRequest,
  ): Promise<Pulled<PulledManifest> | undefined> {
    const digest =
      reference.kind === 'digest'
        ? reference.digest
        : await this.#options.links.findTag(this.#local.repository, reference.tag)
    if (digest === undefined || !this.#sees(digest)) return undefined
    return this.#source.manifest({ kind: 'digest', digest }, request)
  }

  /**
   * Only one that a manifest names which the caller may see. To those who may push it is told that it is here (docker asks
   * for each layer that it has just uploaded, and gives up otherwise).
   */
  async blob(digest: Digest, request: BlobRequest): Promise<Pulled<Blob> | undefined> {
    const { named, sees } = this.#options
    const found = await this.#source.blob(digest, request)
    if (found === undefined || request.promise) return found
    return (await named.isNamed(this.#local, digest, sees, request.signal())) ? found : undefined
  }

  async tags(page: PageRequest, signal: () => AbortSignal): Promise<Pulled<TagsPage> | undefined> {
    const limit = page.limit ?? Number.POSITIVE_INFINITY
    const tags: Tag[] = []
    for (let { last } = page; ; ) {
      const found = await this.#source.tags({ limit: TAGS_AT_ONCE, last })
      if (found === undefined) return undefined
      const { value, served } = found
      for (const [index, tag] of value.tags.entries()) {
        if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await this.#nextTurn(signal)
        const digest = await this.#options.links.findTag(this.#local.repository, tag)
        if (digest === undefined || !this.#sees(digest)) continue
        if (tags.length === limit) return { value: { tags, more: true }, served }
        tags.push(tag)
      }
      last = value.tags.at(-1)
      if (value.more) continue
      const isEnd = tags.length > 0 || (page.last !== undefined && (await this.#hasTags(signal)))
      return isEnd ? { value: { tags, more: false }, served } : undefined
    }
  }

  /** Pages of those that the caller may see alone: no link leads on to another one. */
  async referrers(
    subject: Digest,
    request: ReferrersRequest,
    signal: () => AbortSignal,
  ): Promise<Pulled<ReferrersPage>> {
    const limit = Math.min(request.limit ?? REFERRERS_LIMIT, REFERRERS_LIMIT)
    const manifests: Descriptor[] = []
    let sizeBytes = 0
    for (let { last } = request; ; ) {
      const { value, served } = await this.#source.referrers(subject, { ...request, last, limit: undefined })
      for (const [index, manifest] of value.manifests.entries()) {
        if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await this.#nextTurn(signal)
        if (!this.#sees(manifest.digest)) continue
        sizeBytes += JSON.stringify(manifest).length
        const end = manifests.at(-1)
        if (manifests.length === limit || (end && sizeBytes > REFERRERS_LIMIT_BYTES))
          return { value: { manifests, next: end && referrerKey(end.digest) }, served }
        manifests.push(manifest)
      }
      last = value.next
      if (last === undefined) return { value: { manifests, next: undefined }, served }
    }
  }

  async #hasTags(signal: () => AbortSignal): Promise<boolean> {
    return (await this.tags({ limit: 1, last: undefined }, signal)) !== undefined
  }

  async #nextTurn(signal: () => AbortSignal): Promise<void> {
    await nextTurn()
    signal().throwIfAborted()
  }

  #sees(digest: Digest): boolean {
    const provenance = this.#options.origins.provenance(this.#local.repository, digest)
    return provenance !== undefined && this.#options.sees(provenance)
  }
}
