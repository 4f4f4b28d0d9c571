import type { Digest } from '../oci/digest.js'
import { isUpstreamFailure, type UpstreamTrouble } from '../mirror/upstream/upstream-failure.js'
import { isRegistryError, type RegistryError } from '../oci/failure.js'
import type { Reference, Tag } from '../oci/reference.js'
import { findRepositoryName, type RepositoryName } from '../oci/repository.js'
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
    return new Layers([upstream, unnotedSource(unnoted, upstream)], isRefusedUpstream)
  if (answers === 'upstream-first') return new Layers([upstream, local])
  if (answers === 'upstream') return new Layers([upstream])
  return new Layers(isShared || local === undefined ? [local, upstream] : [local])
}

class Layers implements Source {
  readonly #layers: readonly Source[]
  readonly #goesOn: (error: RegistryError) => boolean

  /** @param goesOn after which failure the next one is asked */
  constructor(layers: readonly (Source | undefined)[], goesOn = isAbsence) {
    this.#layers = layers.filter((layer) => layer !== undefined)
    this.#goesOn = goesOn
  }

  manifest(reference: Reference, request: ManifestRequest): Promise<Pulled<PulledManifest> | undefined> {
    return this.#first((layer) => layer.manifest(reference, request))
  }

  blob(digest: Digest, request: BlobRequest): Promise<Pulled<Blob> | undefined> {
    return this.#first((layer) => layer.blob(digest, request))
  }

  /** All that the layers have, in one order. */
  async tags(page: PageRequest, signal: () => AbortSignal): Promise<Pulled<TagsPage> | undefined> {
    const pages: Pulled<TagsPage>[] = []
    for (const layer of this.#layers) {
      const found = await this.#lastly(layer, () => layer.tags(page, signal), pages.length > 0)
      if (found !== undefined) pages.push(found)
    }
    const [first] = pages
    if (first === undefined || pages.length === 1) return first
    const tags = [...new Set(pages.flatMap(({ value }) => value.tags))].toSorted(byByte)
    const limit = page.limit ?? tags.length
    const more = tags.length > limit || pages.some(({ value }) => value.more)
    return { value: { tags: tags.slice(0, limit), more }, served: first.served }
  }

  /** Of the first layer that has any: a subject's referrers are pushed where it lies. */
  async referrers(
    subject: Digest,
    request: ReferrersRequest,
    signal: () => AbortSignal,
  ): Promise<Pulled<ReferrersPage>> {
    for (const layer of this.#layers.slice(0, -1)) {
      const found = await layer.referrers(subject, request, signal)
      if (found.value.manifests.length > 0) return found
    }
    return (await this.#layers.at(-1)?.referrers(subject, request, signal)) ?? NOBODY
  }

  async #first<T>(ask: (layer: Source) => Promise<T | undefined>): Promise<T | undefined> {
    for (const layer of this.#layers) {
      const found = await this.#lastly(layer, () => ask(layer), false)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** What a layer does not have the next one may; only of the last one it is the answer why, unless there is one already. */
  async #lastly<T>(layer: Source, ask: () => Promise<T | undefined>, isAnswered: boolean) {
    try {
      return await ask()
    } catch (error) {
      if (isRegistryError(error) && (isAnswered || (layer !== this.#layers.at(-1) && this.#goesOn(error))))
        return undefined
      throw error
    }
  }
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
