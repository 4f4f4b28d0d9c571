import type { Digest } from '../oci/digest.js'
import { RegistryError } from '../oci/failure.js'
import { type Reference, referenceText } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
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
import type { Origins } from '../store/fetched.js'
import { BoundedMap } from './bounded-map.js'
import type { MirroredName } from './mirrored-name.js'
import { isUpstreamFailure } from './upstream/upstream-failure.js'
import type { Upstream } from './upstream/upstream.js'

const KEPT = 10_000

/** What an upstream gives to everybody, and what only to our account (design §5, `expose`); known through an outage. */
export class Visibility {
  readonly #upstream: Pick<Upstream, 'isPublic'>
  readonly #origins: Pick<Origins, 'provenance' | 'findTag'>
  /** Repositories of the store that were public when somebody asked last. */
  readonly #public = new BoundedMap<true>(KEPT)

  constructor(options: {
    readonly upstream: Pick<Upstream, 'isPublic'>
    readonly origins: Pick<Origins, 'provenance' | 'findTag'>
  }) {
    this.#upstream = options.upstream
    this.#origins = options.origins
  }

  /** For the note beside what is fetched now: it is public also when nobody can be asked any more. */
  isKnownPublic(stored: RepositoryName): true | undefined {
    return this.#public.get(stored)
  }

  /** @param reference the manifest that is asked for, whose note may say so when the upstream cannot */
  async isPublic(
    { stored, remote }: MirroredName,
    signal: AbortSignal,
    reference?: Reference,
  ): Promise<boolean> {
    try {
      if (await this.#upstream.isPublic(remote, signal)) this.#public.set(stored, true)
      else this.#public.delete(stored)
    } catch (error) {
      if (!isUpstreamFailure(error)) throw error
      if (reference && (await this.#isNotedPublic(stored, reference))) this.#public.set(stored, true)
    }
    return this.#public.get(stored) ?? false
  }

  async #isNotedPublic(stored: RepositoryName, reference: Reference): Promise<boolean> {
    const digest =
      reference.kind === 'digest'
        ? reference.digest
        : (await this.#origins.findTag(stored, reference.tag))?.digest
    const origin = digest && this.#origins.provenance(stored, digest)
    return origin?.kind === 'fetched' && origin.from.isPublic === true
  }
}

/** A repository for whoever has not said who they are: what is not public does not exist for them (attack row 60). */
export class PublicOnly implements Source {
  readonly #source: Source
  readonly #name: MirroredName
  readonly #visibility: Visibility

  constructor(source: Source, name: MirroredName, visibility: Visibility) {
    this.#source = source
    this.#name = name
    this.#visibility = visibility
  }

  async manifest(
    reference: Reference,
    request: ManifestRequest,
  ): Promise<Pulled<PulledManifest> | undefined> {
    if (await this.#isPublic(request.signal, reference)) return this.#source.manifest(reference, request)
    throw new RegistryError('manifest-unknown', {
      reference: referenceText(reference),
      repository: this.#name.stored,
    })
  }

  async blob(digest: Digest, request: BlobRequest): Promise<Pulled<Blob> | undefined> {
    if (await this.#isPublic(request.signal)) return this.#source.blob(digest, request)
    throw new RegistryError('blob-unknown', { digest, repository: this.#name.stored })
  }

  async tags(page: PageRequest, signal: () => AbortSignal): Promise<Pulled<TagsPage> | undefined> {
    if (await this.#isPublic(signal)) return this.#source.tags(page, signal)
    throw new RegistryError('name-unknown', { name: this.#name.stored })
  }

  async referrers(
    subject: Digest,
    request: ReferrersRequest,
    signal: () => AbortSignal,
  ): Promise<Pulled<ReferrersPage>> {
    if (await this.#isPublic(signal)) return this.#source.referrers(subject, request, signal)
    const value = { manifests: [], next: undefined }
    return { value, served: { origin: this.#name.host, cache: 'bypass' } }
  }

  #isPublic(signal: () => AbortSignal, reference?: Reference): Promise<boolean> {
    return this.#visibility.isPublic(this.#name, signal(), reference)
  }
}
