import { isRegistryError } from '../oci/failure.js'
import type { Source } from '../registry/source.js'

/**
 * What is here, and nobody noted who put it there: for an upstream that does not have the repository at all. Of one that it
 * has it answers for all, since this may be another upstream's of the same name (attack row 55).
 */
export function unnotedSource(local: Source, upstream: Source): Source {
  /** It lists tags of it; what a mirror lists by itself is `stale`. */
  const isTheirs = async (signal: () => AbortSignal): Promise<boolean> => {
    try {
      const listed = await upstream.tags({ limit: 1, last: undefined }, signal)
      return listed?.served.cache === 'miss'
    } catch (error) {
      if (isRegistryError(error)) return false
      throw error
    }
  }
  return {
    async manifest(reference, request) {
      return (await isTheirs(request.signal)) ? undefined : local.manifest(reference, request)
    },
    async blob(digest, request) {
      return (await isTheirs(request.signal)) ? undefined : local.blob(digest, request)
    },
    async tags(page, signal) {
      return (await isTheirs(signal)) ? undefined : local.tags(page, signal)
    },
    referrers: (subject, request, signal) => local.referrers(subject, request, signal),
  }
}
