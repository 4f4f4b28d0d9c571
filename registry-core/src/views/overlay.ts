import { isUpstreamFailure, type UpstreamTrouble } from '../mirror/upstream/upstream-failure.js'
import { isRegistryError, type RegistryError } from '../oci/failure.js'
import type { Tag } from '../oci/reference.js'
import { findRepositoryName, type RepositoryName } from '../oci/repository.js'
import type { Pulled, ReferrersPage, Source, TagsPage } from '../registry/source.js'
import { matches, type OverlaySettings } from './overlay-settings.js'
import { unnotedSource } from './unnoted-source.js'

/** dockerd asks its mirrors for `library/name` when people type `name`. */
const OFFICIAL = 'library/'

/** `alpine` of `library/alpine`. */
export function bareName(asked: RepositoryName): RepositoryName | undefined {
  return asked.startsWith(OFFICIAL) ? findRepositoryName(asked.slice(OFFICIAL.length)) : undefined
}

/** The local repositories that a bare name on the mirror view may mean, in order. */
export function localNames(
  asked: RepositoryName,
  { show, hide }: OverlaySettings,
): readonly RepositoryName[] {
  const bare = bareName(asked)
  return [asked, ...(bare === undefined ? [] : [bare])].filter(
    (name) => matches(show, name) && !matches(hide, name),
  )
}

/** What is here under a name. */
export interface LocalLayers {
  readonly local?: Source | undefined
  /** In its place, where nobody says whether it was pushed: only for what the upstream says that it does not have. */
  readonly unnoted?: Source | undefined
}

/**
 * One name, several layers. The first that has the repository answers for all of it, since else a missing local tag
 * would be filled by a stranger's; only a name that is shared goes on, tag by tag (design §3).
 */
export function openOverlay({
  local,
  unnoted,
  upstream,
  answers,
  isShared,
}: LocalLayers & {
  readonly upstream: Source | undefined
  /** `upstream-first`: what it does not have may be here; `upstream`: what is here is no part of it (collisions.ts). */
  readonly answers: 'local' | 'upstream' | 'upstream-first'
  readonly isShared: boolean
}): Source {
  if (unnoted !== undefined && upstream !== undefined)
    return layered([upstream, unnotedSource(unnoted, upstream)], isRefusedUpstream)
  if (answers === 'upstream-first') return layered([upstream, local])
  if (answers === 'upstream') return layered([upstream])
  return layered(isShared || local === undefined ? [local, upstream] : [local])
}

/** @param goesOn after which failure the next one is asked */
function layered(found: readonly (Source | undefined)[], goesOn = isAbsence): Source {
  const layers = found.filter((layer) => layer !== undefined)
  const lastLayer = layers.at(-1)

  /** What a layer does not have the next one may; only of the last one it is the answer why, unless there is one already. */
  async function lastly<T>(
    layer: Source,
    ask: (layer: Source) => Promise<T | undefined>,
    isAnswered: boolean,
  ) {
    try {
      return await ask(layer)
    } catch (error) {
      if (isRegistryError(error) && (isAnswered || (layer !== lastLayer && goesOn(error)))) return undefined
      throw error
    }
  }

  async function first<T>(ask: (layer: Source) => Promise<T | undefined>): Promise<T | undefined> {
    for (const layer of layers) {
      const answer = await lastly(layer, ask, false)
      if (answer !== undefined) return answer
    }
    return undefined
  }

  return {
    manifest: (reference, request) => first((layer) => layer.manifest(reference, request)),
    blob: (digest, request) => first((layer) => layer.blob(digest, request)),
    async tags(page, signal) {
      const pages: Pulled<TagsPage>[] = []
      for (const layer of layers) {
        const listed = await lastly(layer, (asked) => asked.tags(page, signal), pages.length > 0)
        if (listed !== undefined) pages.push(listed)
      }
      return inOneOrder(pages, page.limit)
    },
    /** Of the first layer that has any: a subject's referrers are pushed where it lies. */
    async referrers(subject, request, signal) {
      for (const layer of layers.slice(0, -1)) {
        const listed = await layer.referrers(subject, request, signal)
        if (listed.value.manifests.length > 0) return listed
      }
      return (await lastLayer?.referrers(subject, request, signal)) ?? NOBODY
    },
  }
}

/** All that the layers have. */
function inOneOrder(
  pages: readonly Pulled<TagsPage>[],
  asked: number | undefined,
): Pulled<TagsPage> | undefined {
  const [first] = pages
  if (first === undefined || pages.length === 1) return first
  const tags = [...new Set(pages.flatMap(({ value }) => value.tags))].toSorted(byByte)
  const limit = asked ?? tags.length
  const more = tags.length > limit || pages.some(({ value }) => value.more)
  return { value: { tags: tags.slice(0, limit), more }, served: first.served }
}

const NOBODY: Pulled<ReferrersPage> = {
  value: { manifests: [], next: undefined },
  served: { origin: 'local', cache: 'hit' },
}

function isAbsence({ failure }: RegistryError): boolean {
  return failure === 'manifest-unknown' || failure === 'blob-unknown' || failure === 'name-unknown'
}

/** It has answered, and has no such thing, or none for us: in an outage nobody knows whose the name is. */
function isRefusedUpstream(error: RegistryError): boolean {
  const { cause } = error
  return isAbsence(error) && isUpstreamFailure(cause) && REFUSED.has(cause.trouble)
}

const REFUSED: ReadonlySet<UpstreamTrouble> = new Set<UpstreamTrouble>(['missing', 'unauthorized', 'denied'])

/** As the store lists them; tags are ASCII. */
function byByte(a: Tag, b: Tag): number {
  return a < b ? -1 : a > b ? 1 : 0
}
