import type { Digest } from '../oci/digest.js'
import { isRegistryError } from '../oci/failure.js'
import type { Reference } from '../oci/reference.js'
import type {
  Blob,
  BlobRequest,
  ManifestRequest,
  PageRequest,
  Pulled,
  PulledManifest,
  ReferrersPage,
  ReferrersRequest,
  Source,
  TagsPage,
} from '../registry/source.js'

/**
 * What is here, and nobody noted who put it there: for an upstream that does not have the repository at all. Of one that it
 * has it answers for all, since this may be another upstream's of the same name (attack row 55).
 */
export class UnnotedSource implements Source {
  readonly #local: Source
  readonly #upstream: Source

  constructor(local: Source, upstream: Source) {
    this.#local = local
    this.#upstream = upstream
  }

  async manifest(
    reference: Reference,
    request: ManifestRequest,
  ): Promise<Pulled<PulledManifest> | undefined> {
    return (await this.#isTheirs(request.signal)) ? undefined : this.#local.manifest(reference, request)
  }

  async blob(digest: Digest, request: BlobRequest): Promise<Pulled<Blob> | undefined> {
    return (await this.#isTheirs(request.signal)) ? undefined : this.#local.blob(digest, request)
  }

  async tags(page: PageRequest, signal: () => AbortSignal): Promise<Pulled<TagsPage> | undefined> {
    return (await this.#isTheirs(signal)) ? undefined : this.#local.tags(page, signal)
  }

  referrers(
    subject: Digest,
    request: ReferrersRequest,
    signal: () => AbortSignal,
  ): Promise<Pulled<ReferrersPage>> {
    return this.#local.referrers(subject, request, signal)
  }

  /** It lists tags of it; what a mirror lists by itself is `stale`. */
  async #isTheirs(signal: () => AbortSignal): Promise<boolean> {
    try {
      const listed = await this.#upstream.tags({ limit: 1, last: undefined }, signal)
      return listed?.served.cache === 'miss'
    } catch (error) {
      if (isRegistryError(error)) return false
      throw error
    }
  }
}
