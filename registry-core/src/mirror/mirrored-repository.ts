import type { Digest } from '../oci/digest.js'
import type { Descriptor } from '../oci/manifest.js'
import { findTag, type Reference } from '../oci/reference.js'
import { listReferrers } from '../registry/referrers.js'
import type {
  Blob,
  BlobRequest,
  GrowingContent,
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
import type { Store, StoredContent } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { UpstreamCounters } from '../system/mirror-metrics.js'
import type { Downloads } from './downloads/downloads.js'
import type { Manifests } from './manifests/manifests.js'
import type { MirroredName } from './mirrored-name.js'
import type { NamedContent } from './questions/named-content.js'
import { failureWithoutCopy, staleSentence, type Wanted } from './outage.js'
import { WAIT_WITHOUT_MS } from './patience.js'
import type { Question, Questions } from './questions/questions.js'
import type { UndeliveredBlobs } from './undelivered.js'
import { isUpstreamFailure, UpstreamFailure } from './upstream/upstream-failure.js'
import type { Upstream } from './upstream/upstream.js'

/** The most that one page of referrers holds. */
const REFERRERS_LIMIT = 1000

type WantedBlob = Extract<Wanted, { readonly kind: 'blob' }>

/** What the repositories of one upstream share. */
export interface MirrorParts {
  readonly store: Store
  readonly upstream: Upstream
  readonly manifests: Manifests
  readonly downloads: Downloads
  readonly named: Pick<NamedContent, 'note'>
  readonly questions: Questions
  readonly undelivered: UndeliveredBlobs
  readonly counters: Pick<UpstreamCounters, 'answered' | 'saved'>
  readonly whenMissing: 404 | 503
  readonly clock: Clock
}

/** A repository of an upstream: a source that fills itself. */
export class MirroredRepository implements Source {
  readonly #name: MirroredName
  readonly #parts: MirrorParts
  readonly #client: string

  /** @param client the address of whoever asks */
  constructor(name: MirroredName, parts: MirrorParts, client: string) {
    this.#name = name
    this.#parts = parts
    this.#client = client
  }

  async manifest(
    reference: Reference,
    request: ManifestRequest,
  ): Promise<Pulled<PulledManifest> | undefined> {
    const { manifests, named, questions } = this.#parts
    const found = await manifests.manifest(this.#name, reference, { ...request, client: this.#client })
    const { stored } = this.#name
    questions.noteNamed(stored, named.note(stored, found.value))
    await this.#refuseUndelivered(reference, found.value)
    return this.#counted(found, ({ bytes }) => bytes.length)
  }

  /** A tag whose blobs a client was just refused sends it to the next registry: what podman asks for again is the tag. */
  async #refuseUndelivered(reference: Reference, { bytes, digest }: PulledManifest): Promise<void> {
    const { store, undelivered } = this.#parts
    const { stored, host } = this.#name
    for (const each of undelivered.neededBy(stored, bytes)) {
      if ((await store.content.look('layer', stored, each.blob)) !== undefined) continue
      const wanted: Wanted = { kind: 'manifest', repository: stored, reference }
      if (reference.kind === 'tag') throw failureWithoutCopy(each.failure, host, wanted, 404)
      undelivered.note(stored, each, digest) // the index that names it is next
    }
  }

  /** From the store, else from the download that runs, else from one that begins now. */
  async blob(digest: Digest, request: BlobRequest): Promise<Pulled<Blob> | undefined> {
    const found = await this.#findBlob(digest, request)
    return this.#counted(found, ({ content }) => (request.wantsBytes ? (content.sizeBytes ?? 0) : 0))
  }

  async #findBlob(digest: Digest, { wantsBytes, signal }: BlobRequest): Promise<Pulled<Blob>> {
    const { store, upstream, downloads } = this.#parts
    const { stored, remote, host } = this.#name
    // Whoever joins a download that this repository has begun already need not look: a thousand readers come at once.
    const isComing = wantsBytes && downloads.fetchedFor(upstream, digest)?.has(stored) === true
    const here = isComing ? undefined : await store.content.look('layer', stored, digest)
    if (here !== undefined) return { value: { kind: 'stored', content: here }, served: this.#served('hit') }
    const wanted = { kind: 'blob', repository: stored, digest } as const
    return this.#asking(wanted, isComing, async () => {
      if (!wantsBytes) {
        const { sizeBytes } = await upstream.describeBlob(remote, digest, signal())
        if (sizeBytes === undefined) throw wrongContent(host, `does not say how long ${digest} is`)
        const content = { repository: stored, digest, sizeBytes }
        return { value: { kind: 'described', content }, served: this.#served('miss') }
      }
      const known = await this.#linkKnown(digest, signal())
      if (known) return { value: { kind: 'stored', content: known }, served: this.#served('hit') }
      const growing = await downloads.join(upstream, this.#name, digest, signal())
      const read: GrowingContent['read'] = (...range) => this.#refusing(wanted, growing.read(...range))
      const content = { ...growing, read }
      return { value: { kind: 'growing', content }, served: { origin: host, cache: 'miss' } }
    })
  }

  /** Bytes that are here, or on their way, for another repository: for this one too, once the upstream says that it has them. */
  async #linkKnown(digest: Digest, signal: AbortSignal): Promise<StoredContent | undefined> {
    const { store, upstream, downloads } = this.#parts
    const { remote, stored } = this.#name
    const isComing = (): boolean => downloads.fetchedFor(upstream, digest)?.has(stored) === true
    if (isComing()) return undefined
    const bytes = await store.content.lookAtBytes(digest)
    const isElsewhere = bytes !== undefined || downloads.fetchedFor(upstream, digest) !== undefined
    if (isComing() || !isElsewhere) return undefined
    const { sizeBytes } = await upstream.describeBlob(remote, digest, signal)
    if (bytes === undefined) return undefined
    // A login page has a length too.
    if (sizeBytes !== undefined && sizeBytes !== bytes.sizeBytes)
      throw wrongContent(upstream.host, `says that ${digest} has ${sizeBytes} bytes`)
    await store.links.publishLayer(stored, digest, digest)
    return store.content.look('layer', stored, digest)
  }

  /** As the upstream lists them; those that are here while it cannot be asked. */
  async tags(page: PageRequest, signal: () => AbortSignal): Promise<Pulled<TagsPage> | undefined> {
    return this.#counted(await this.#findTags(page, signal))
  }

  async #findTags(page: PageRequest, signal: () => AbortSignal): Promise<Pulled<TagsPage>> {
    const { upstream, store, questions } = this.#parts
    const { remote, stored } = this.#name
    try {
      const asked = this.#question('tags')
      const { tags, more } = await questions.ask(asked, () =>
        this.#inTime(signal(), (inTime) => upstream.tags(remote, page, inTime)),
      )
      const known = tags.map(findTag).filter((tag) => tag !== undefined)
      return { value: { tags: known, more }, served: this.#served('miss') }
    } catch (error) {
      if (!isUpstreamFailure(error)) throw error
      const limit = page.limit ?? Number.POSITIVE_INFINITY
      const value = await store.links.tags(stored, page.last, limit)
      if (value === undefined || (value.tags.length === 0 && page.last === undefined))
        throw this.#refusal(error, { kind: 'repository', repository: stored })
      return { value, served: this.#stale(error) }
    }
  }

  /** The upstream's list; ours, of what was fetched, while it cannot be asked. */
  async referrers(
    subject: Digest,
    request: ReferrersRequest,
    signal: () => AbortSignal,
  ): Promise<Pulled<ReferrersPage>> {
    return this.#counted(await this.#findReferrers(subject, request, signal))
  }

  async #findReferrers(
    subject: Digest,
    request: ReferrersRequest,
    signal: () => AbortSignal,
  ): Promise<Pulled<ReferrersPage>> {
    const { upstream, store, questions } = this.#parts
    const { remote, stored } = this.#name
    // Of what is here everybody asks it; of what is not, whoever makes up digests.
    const isHere = (await store.content.look('revision', stored, subject)) !== undefined
    const asked = { ...this.#question('referrers', subject), ...(isHere && { client: undefined }) }
    try {
      const all = await questions.ask(asked, async () => {
        const found = await this.#inTime(signal(), (inTime) => upstream.referrers(remote, subject, inTime))
        if (found.length === 0 && !isHere) questions.noteEmpty(asked)
        return found
      })
      return { value: pageOf(all, request), served: this.#served('miss') }
    } catch (error) {
      if (!isUpstreamFailure(error)) throw error
      return { value: await listReferrers(store, stored, subject, request), served: this.#stale(error) }
    }
  }

  /** Nobody waits longer for a list than for a manifest that is not here. */
  async #inTime<T>(signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController()
    const cancel = this.#parts.clock.after(WAIT_WITHOUT_MS, () =>
      late.abort(new UpstreamFailure('given-up', `${this.#name.host} has not answered in time`)),
    )
    try {
      return await ask(AbortSignal.any([signal, late.signal]))
    } catch (error) {
      throw late.signal.aborted ? late.signal.reason : error
    } finally {
      cancel()
    }
  }

  /** What was served from here is what the upstream's link was spared; of lists nobody knows how much. */
  #counted<T>(pulled: Pulled<T>, sizeBytes: (value: T) => number = () => 0): Pulled<T> {
    const { counters } = this.#parts
    const { cache } = pulled.served
    counters.answered(cache)
    if (cache === 'hit' || cache === 'stale') counters.saved(sizeBytes(pulled.value))
    return pulled
  }

  /** What runs already asks nothing new; what was refused a moment ago is refused again, and nothing else is made of it. */
  async #asking<T>(wanted: WantedBlob, isComing: boolean, ask: () => Promise<T>): Promise<T> {
    const { questions } = this.#parts
    const question = this.#question('blob', wanted.digest)
    const spared = isComing ? undefined : questions.find(question)
    if (spared !== undefined) throw this.#refusal(spared, wanted)
    try {
      return await (isComing ? ask() : questions.ask(question, ask))
    } catch (error) {
      throw isUpstreamFailure(error) ? this.#undelivered(error, wanted) : error
    }
  }

  /** What breaks off before its first byte can still be refused; later the connection breaks (http/stream.ts). */
  async *#refusing(wanted: WantedBlob, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* bytes
    } catch (error) {
      throw isUpstreamFailure(error) ? this.#undelivered(error, wanted) : error
    }
  }

  #question(kind: Question['kind'], about = ''): Question {
    return { kind, repository: this.#name.stored, about, client: this.#client }
  }

  #undelivered(failure: UpstreamFailure, wanted: WantedBlob): Error {
    this.#parts.undelivered.note(wanted.repository, { blob: wanted.digest, failure })
    return this.#refusal(failure, wanted)
  }

  #refusal(failure: UpstreamFailure, wanted: Wanted): Error {
    return failureWithoutCopy(failure, this.#name.host, wanted, this.#parts.whenMissing)
  }

  #served(cache: Served['cache']): Served {
    return { origin: this.#name.host, cache }
  }

  #stale({ trouble }: UpstreamFailure): Served {
    const { host } = this.#name
    return { origin: host, cache: 'stale', warning: staleSentence(trouble, host) }
  }
}

function wrongContent(host: string, what: string): UpstreamFailure {
  return new UpstreamFailure('wrong-content', `${host} ${what}`)
}

/** After `last`, which is the digest that a page ended with. */
function pageOf(all: readonly Descriptor[], request: ReferrersRequest): ReferrersPage {
  const { artifactType, last } = request
  const fitting = artifactType === undefined ? all : all.filter((one) => one.artifactType === artifactType)
  const from = last === undefined ? 0 : fitting.findIndex(({ digest }) => digest === last) + 1
  const limit = Math.min(request.limit ?? REFERRERS_LIMIT, REFERRERS_LIMIT)
  const manifests = fitting.slice(from, from + limit)
  return { manifests, next: from + limit < fitting.length ? manifests.at(-1)?.digest : undefined }
}
