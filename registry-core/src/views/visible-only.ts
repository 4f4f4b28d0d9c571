import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Digest } from '../oci/digest.js'
import type { Descriptor } from '../oci/manifest.js'
import type { Tag } from '../oci/reference.js'
import { referrerKey } from '../oci/referrer-key.js'
import { REFERRERS_LIMIT, REFERRERS_LIMIT_BYTES } from '../registry/referrers.js'
import type { LocalRepository, Source } from '../registry/source.js'
import type { Origins, Provenance } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import { localSource } from './local-source.js'
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
export function visibleOnly(local: LocalRepository, { origins, links, named, sees }: Options): Source {
  const { repository } = local
  const source = localSource(local)
  const seesRevision = (digest: Digest | undefined): digest is Digest => {
    const provenance = digest && origins.provenance(repository, digest)
    return provenance !== undefined && sees(provenance)
  }
  const findTag = (tag: Tag): Promise<Digest | undefined> => links.findTag(repository, tag)
  return {
    async manifest(reference, request) {
      const digest = reference.kind === 'digest' ? reference.digest : await findTag(reference.tag)
      return seesRevision(digest) ? source.manifest({ kind: 'digest', digest }, request) : undefined
    },
    /**
     * Only one that a manifest names which the caller may see. To those who may push it is told that it is here (docker
     * asks for each layer that it has just uploaded, and gives up otherwise).
     */
    async blob(digest, request) {
      const found = await source.blob(digest, request)
      if (found === undefined || request.promise) return found
      return (await named.isNamed(local, digest, sees, request.signal())) ? found : undefined
    },
    tags: tagsOf(source, async (tag) => seesRevision(await findTag(tag))),
    referrers: referrersOf(source, seesRevision),
  }
}

function tagsOf(source: Source, seesTag: (tag: Tag) => Promise<boolean>): Source['tags'] {
  return async function tags(page, signal) {
    const hasTags = async (): Promise<boolean> =>
      (await tags({ limit: 1, last: undefined }, signal)) !== undefined
    const limit = page.limit ?? Number.POSITIVE_INFINITY
    const seen: Tag[] = []
    for (let { last } = page; ; ) {
      const found = await source.tags({ limit: TAGS_AT_ONCE, last }, signal)
      if (found === undefined) return undefined
      const { value, served } = found
      for (const [index, tag] of value.tags.entries()) {
        if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await othersTurn(signal)
        if (!(await seesTag(tag))) continue
        if (seen.length === limit) return { value: { tags: seen, more: true }, served }
        seen.push(tag)
      }
      last = value.tags.at(-1)
      if (value.more) continue
      const isEnd = seen.length > 0 || (page.last !== undefined && (await hasTags()))
      return isEnd ? { value: { tags: seen, more: false }, served } : undefined
    }
  }
}

/** Pages of those that the caller may see alone: no link leads on to another one. */
function referrersOf(source: Source, sees: (digest: Digest) => boolean): Source['referrers'] {
  return async (subject, request, signal) => {
    const limit = Math.min(request.limit ?? REFERRERS_LIMIT, REFERRERS_LIMIT)
    const manifests: Descriptor[] = []
    let sizeBytes = 0
    for (let { last } = request; ; ) {
      const page = { ...request, last, limit: undefined }
      const { value, served } = await source.referrers(subject, page, signal)
      for (const [index, manifest] of value.manifests.entries()) {
        if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await othersTurn(signal)
        if (!sees(manifest.digest)) continue
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
}

async function othersTurn(signal: () => AbortSignal): Promise<void> {
  await nextTurn()
  signal().throwIfAborted()
}
