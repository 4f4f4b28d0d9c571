import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Digest } from '../oci/digest.js'
import type { Reference, Tag } from '../oci/reference.js'
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
/** Tags in a row before others get their turn: each costs half a dozen synchronous looks at most. */
const TAGS_A_TURN = 100

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

  /** Only one that a manifest names which the caller may see. */
  async blob(digest: Digest, request: BlobRequest): Promise<Pulled<Blob> | undefined> {
    const { named, sees } = this.#options
    const found = await this.#source.blob(digest, request)
    return found && (await named.isNamed(this.#local, digest, sees, request.signal())) ? found : undefined
  }

  async tags(page: PageRequest, signal: () => AbortSignal): Promise<Pulled<TagsPage> | undefined> {
    const limit = page.limit ?? Number.POSITIVE_INFINITY
    const tags: Tag[] = []
    for (let { last } = page; ; ) {
      const found = await this.#source.tags({ limit: TAGS_AT_ONCE, last })
      if (found === undefined) return undefined
      const { value, served } = found
      for (const [index, tag] of value.tags.entries()) {
        if (index % TAGS_A_TURN === TAGS_A_TURN - 1) {
          await nextTurn()
          signal().throwIfAborted()
        }
        const digest = await this.#options.links.findTag(this.#local.repository, tag)
        if (digest === undefined || !this.#sees(digest)) continue
        if (tags.length === limit) return { value: { tags, more: true }, served }
        tags.push(tag)
      }
      last = value.tags.at(-1)
      if (value.more) continue
      const isNobodys = tags.length === 0 && page.last === undefined
      return isNobodys ? undefined : { value: { tags, more: false }, served }
    }
  }

  async referrers(subject: Digest, request: ReferrersRequest): Promise<Pulled<ReferrersPage>> {
    const { value, served } = await this.#source.referrers(subject, request)
    const manifests = value.manifests.filter(({ digest }) => this.#sees(digest))
    return { value: { manifests, next: value.next }, served }
  }

  #sees(digest: Digest): boolean {
    const provenance = this.#options.origins.provenance(this.#local.repository, digest)
    return provenance !== undefined && this.#options.sees(provenance)
  }
}
