import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import type { Upstream } from '#core/mirror/upstream/upstream.js'
import type { Digest } from '#core/oci/digest.js'
import type { RepositoryName } from '#core/oci/repository.js'
import type { LocalRepository } from '#core/registry/source.js'
import type { StoredContent } from '#core/store/store.js'
import type { OpenedProcess } from '../simulated-store.js'

/** An upstream that a test switches off. */
export interface UpstreamOfRegistry extends Upstream {
  isDown: boolean
}

/** A registry of ours as somebody's upstream, without a network in between. */
export function upstreamOfRegistry({ registry, store }: OpenedProcess): UpstreamOfRegistry {
  const at = (repository: RepositoryName): LocalRepository => {
    if (upstream.isDown) throw new UpstreamFailure('unreachable', 'connection refused')
    return registry.repository(repository)
  }
  const blobOf = async (repository: RepositoryName, digest: Digest): Promise<StoredContent> =>
    (await at(repository).blob(digest, { promise: false })) ?? missing()
  const upstream: UpstreamOfRegistry = {
    host: 'docker.io',
    isDown: false,
    async resolve(repository, reference, signal) {
      return (await upstream.manifest(repository, reference, signal)).digest
    },
    async manifest(repository, reference) {
      const found = await at(repository).manifest(reference)
      return { ...(found ?? missing()), etag: undefined }
    },
    describeBlob: blobOf,
    async blob(repository, digest, first, signal) {
      const stored = await blobOf(repository, digest)
      const { sizeBytes } = stored
      return { sizeBytes, first, body: store.content.read(stored, first, sizeBytes - 1, signal) }
    },
    async tags(repository, page) {
      return (await at(repository).tags(page)) ?? missing()
    },
    async referrers(repository, subject) {
      const all = { artifactType: undefined, last: undefined, limit: undefined }
      return (await at(repository).referrers(subject, all)).manifests
    },
    isPublic: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  }
  return upstream
}

function missing(): never {
  throw new UpstreamFailure('missing', 'there is no such thing', { status: 404 })
}
