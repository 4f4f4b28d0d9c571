import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import type { FetchedBlob, FetchedManifest, Upstream } from '#core/mirror/upstream/upstream.js'
import type { Digest } from '#core/oci/digest.js'
import type { Descriptor } from '#core/oci/manifest.js'
import type { Reference } from '#core/oci/reference.js'
import type { RepositoryName } from '#core/oci/repository.js'
import type { PageRequest } from '#core/registry/source.js'
import type { StoredContent } from '#core/store/store.js'
import type { OpenedProcess } from '../simulated-store.js'

/** A registry of ours as somebody's upstream, without a network in between. */
export class UpstreamOfRegistry implements Upstream {
  readonly host = 'docker.io'
  isDown = false
  readonly #core: OpenedProcess

  constructor(core: OpenedProcess) {
    this.#core = core
  }

  async resolve(repository: RepositoryName, reference: Reference): Promise<Digest> {
    return (await this.manifest(repository, reference)).digest
  }

  async manifest(repository: RepositoryName, reference: Reference): Promise<FetchedManifest> {
    const found = await this.#at(repository).manifest(reference)
    return { ...(found ?? missing()), etag: undefined }
  }

  async describeBlob(repository: RepositoryName, digest: Digest): Promise<{ readonly sizeBytes: number }> {
    return this.#blob(repository, digest)
  }

  async blob(
    repository: RepositoryName,
    digest: Digest,
    first: number,
    signal: AbortSignal,
  ): Promise<FetchedBlob> {
    const stored = await this.#blob(repository, digest)
    const { sizeBytes } = stored
    return { sizeBytes, first, body: this.#core.store.content.read(stored, first, sizeBytes - 1, signal) }
  }

  async tags(repository: RepositoryName, page: PageRequest) {
    return (await this.#at(repository).tags(page)) ?? missing()
  }

  async referrers(repository: RepositoryName, subject: Digest): Promise<readonly Descriptor[]> {
    const all = { artifactType: undefined, last: undefined, limit: undefined }
    return (await this.#at(repository).referrers(subject, all)).manifests
  }

  isPublic(): Promise<boolean> {
    return Promise.resolve(true)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #blob(repository: RepositoryName, digest: Digest): Promise<StoredContent> {
    return (await this.#at(repository).blob(digest, { promise: false })) ?? missing()
  }

  #at(repository: RepositoryName) {
    if (this.isDown) throw new UpstreamFailure('unreachable', 'connection refused')
    return this.#core.registry.repository(repository)
  }
}

function missing(): never {
  throw new UpstreamFailure('missing', 'there is no such thing', { status: 404 })
}
