import type { Digest } from '../oci/digest.js'
import type { Reference } from '../oci/reference.js'
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
  Served,
  Source,
  TagsPage,
} from '../registry/source.js'

const SERVED: Served = { origin: 'local', cache: 'hit' }

/** What clients have pushed, as something to pull. */
export class LocalSource implements Source {
  readonly #local: LocalRepository

  constructor(local: LocalRepository) {
    this.#local = local
  }

  async manifest(
    reference: Reference,
    request: ManifestRequest,
  ): Promise<Pulled<PulledManifest> | undefined> {
    const { repository } = this.#local
    const found = await this.#local.manifest(reference, request)
    return found && { value: { ...found, repository }, served: SERVED }
  }

  async blob(digest: Digest, request: BlobRequest): Promise<Pulled<Blob> | undefined> {
    const content = await this.#local.blob(digest, request)
    return content && { value: { kind: 'stored', content }, served: SERVED }
  }

  async tags(page: PageRequest): Promise<Pulled<TagsPage> | undefined> {
    const value = await this.#local.tags(page)
    return value && { value, served: SERVED }
  }

  async referrers(subject: Digest, request: ReferrersRequest): Promise<Pulled<ReferrersPage>> {
    return { value: await this.#local.referrers(subject, request), served: SERVED }
  }
}
