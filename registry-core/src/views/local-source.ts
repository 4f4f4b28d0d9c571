import type { LocalRepository, Served, Source } from '../registry/source.js'

const SERVED: Served = { origin: 'local', cache: 'hit' }

/** What clients have pushed, as something to pull. */
export function localSource(local: LocalRepository): Source {
  const { repository } = local
  return {
    async manifest(reference, request) {
      const found = await local.manifest(reference, request)
      if (found === undefined) return undefined
      const { digest, mediaType, bytes } = found
      return { value: { digest, mediaType, bytes, repository }, served: SERVED }
    },
    async blob(digest, request) {
      const content = await local.blob(digest, request)
      return content && { value: { kind: 'stored', content }, served: SERVED }
    },
    async tags(page) {
      const value = await local.tags(page)
      return value && { value, served: SERVED }
    },
    async referrers(subject, request) {
      return { value: await local.referrers(subject, request), served: SERVED }
    },
  }
}
