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

/** So many tags are looked at in one go. */
const TAGS_AT_ONCE = 1000

interface Options {
  readonly origins: Pick<Origins, 'provenance' | 'revisions'>
  readonly links: Pick<Links, 'findTag'>
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

  /** Which revisions a blob belongs to is written nowhere: those that the caller may see are searched for it. */
  async blob(digest: Digest, request: BlobRequest): Promise<Pulled<Blob> | undefined> {
    const found = await this.#source.blob(digest, request)
    return found && (await this.#isNamed(digest)) ? found : undefined
  }

  async #isNamed(blob: Digest): Promise<boolean> {
    const { origins, sees } = this.#options
    for await (const { digest, provenance } of origins.revisions(this.#local.repository)) {
      if (!sees(provenance)) continue
      const options = { countsAsPull: false, isSparse: true }
      const manifest = await this.#local.manifest({ kind: 'digest', digest }, options)
      if (manifest?.bytes.includes(blob)) return true
    }
    return false
  }

  async tags(page: PageRequest): Promise<Pulled<TagsPage> | undefined> {
    const limit = page.limit ?? Number.POSITIVE_INFINITY
    const tags: Tag[] = []
    for (let { last } = page; ; ) {
      const found = await this.#source.tags({ limit: TAGS_AT_ONCE, last })
      if (found === undefined) return undefined
      const { value, served } = found
      for (const tag of value.tags) {
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
