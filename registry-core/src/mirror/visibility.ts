import type { Digest } from '../oci/digest.js'
import { findStoredManifest } from '../oci/manifest.js'
import type { Reference } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
import type { StoredManifest } from '../registry/source.js'
import type { Origins } from '../store/fetched.js'
import { BoundedMap } from '../system/bounded-map.js'
import type { Clock } from '../system/clock.js'
import { Flights } from './flights.js'
import type { MirroredName } from './mirrored-name.js'
import { WAIT_WITH_COPY_MS, WAIT_WITHOUT_MS } from './patience.js'
import type { Questions } from './questions/questions.js'
import { waitAtMost } from './until-aborted.js'
import { isUpstreamFailure, UpstreamFailure } from './upstream/upstream-failure.js'
import type { Upstream } from './upstream/upstream.js'

const KNOWN_FOR_MS = 10 * 60_000
const KEPT = 10_000
const NOTED = 100_000

/** What is asked for: a manifest, which may be noted, a blob, or what stands in the repository. */
export type Part = Reference | { readonly kind: 'blob'; readonly digest: Digest } | { readonly kind: 'list' }

interface Options {
  readonly upstream: Pick<Upstream, 'isPublic' | 'host'>
  readonly origins: Pick<Origins, 'provenance' | 'findTag' | 'summary'>
  readonly clock: Clock
  readonly questions: Pick<Questions, 'ask' | 'noteEmpty'>
  /** Nobody need be asked: the upstream gives us all that lies here without an account. */
  readonly isForAll: (stored: RepositoryName) => boolean | Promise<boolean>
  /** A client waited in vain, and was served as the upstream said before. */
  readonly onSlow: () => void
}

/**
 * What an upstream gives to everybody, and what only to our account (design §5, `expose`): asked once in ten minutes,
 * and known through an outage. It stands outside the breaker, which must hear of nothing that was not asked.
 */
export class Visibility {
  readonly #options: Options
  readonly #asks: Flights<boolean>
  readonly #closing = new AbortController()
  /** Repositories of the store, and until when they need not be asked for again. */
  readonly #public = new BoundedMap<number>(KEPT)
  /** Apart from those, so that names which clients make up push no public one out. */
  readonly #hidden = new BoundedMap<number>(KEPT)
  /** What manifests name that were public when they came, while nobody can say what they are now. */
  readonly #noted = new BoundedMap<true>(NOTED)
  /** Where that was so when it was asked for last. */
  readonly #doubtful = new BoundedMap<true>(KEPT)

  constructor(options: Options) {
    this.#options = options
    this.#asks = new Flights(options)
  }

  /** For the note beside what is fetched now, which stays for good: an old answer is none. */
  isKnownPublic(stored: RepositoryName): true | undefined {
    const untilMs = this.#public.get(stored) ?? 0
    return untilMs > this.#options.clock.elapsedMs() ? true : undefined
  }

  /** As it was said last, however long ago: for lists, and for names of this store, no upstream is asked. */
  wasPublic(stored: RepositoryName): boolean {
    return this.#public.get(stored) !== undefined
  }

  /** A note tells of its own manifest alone: what came later, to our account, may not be public. */
  async isPublic(name: MirroredName, signal: AbortSignal, part: Part, client: string): Promise<boolean> {
    const { stored } = name
    const { clock, isForAll, onSlow } = this.#options
    if (await isForAll(stored)) return true
    const nowMs = clock.elapsedMs()
    if ((this.#public.get(stored) ?? nowMs) > nowMs) return true
    if ((this.#hidden.get(stored) ?? nowMs) > nowMs) return false
    const known = await this.#isKnown(stored, part)
    signal.throwIfAborted()
    const { result, startedMs } = this.#asks.join(stored, () => this.#ask(name, client))
    const limitMs = startedMs + (known ? WAIT_WITH_COPY_MS : WAIT_WITHOUT_MS)
    try {
      const answer = result.then((isPublic) => ({ isPublic }))
      const asked = await waitAtMost(clock, answer, Math.max(0, limitMs - clock.elapsedMs()), signal)
      if (asked !== undefined) return asked.isPublic
      if (known) onSlow()
    } catch (error) {
      if (!isUpstreamFailure(error)) throw error
    }
    return known
  }

  /** As far as it is known without the upstream: what it said last, else what is noted. */
  async #isKnown(stored: RepositoryName, part: Part): Promise<boolean> {
    if (this.#public.get(stored) !== undefined) return true
    if (this.#hidden.get(stored) !== undefined) return false
    if (part.kind === 'blob') return this.#noted.get(keyOf(stored, part.digest)) ?? false
    if (part.kind === 'list') return this.#isAllNotedPublic(stored)
    const isNoted = await this.#isNotedPublic(stored, part)
    if (isNoted) this.#doubtful.set(stored, true)
    return isNoted
  }

  /** A client who has not said who they are got this manifest: they come for what it names, and for no more. */
  noteServed(stored: RepositoryName, { bytes }: Pick<StoredManifest, 'bytes'>): void {
    if (this.#doubtful.get(stored) === undefined) return
    for (const { digest } of findStoredManifest(bytes)?.references ?? [])
      this.#noted.set(keyOf(stored, digest), true)
  }

  async #ask({ stored, remote }: MirroredName, client: string): Promise<boolean> {
    const { upstream, clock, questions } = this.#options
    const asked = { kind: 'public', repository: stored, client } as const
    const isPublic = await questions.ask(asked, async () => {
      const isGiven = await upstream.isPublic(remote, this.#closing.signal)
      if (!isGiven) questions.noteEmpty(asked)
      return isGiven
    })
    const [is, isNot] = isPublic ? [this.#public, this.#hidden] : [this.#hidden, this.#public]
    is.set(stored, clock.elapsedMs() + KNOWN_FOR_MS)
    isNot.delete(stored)
    this.#doubtful.delete(stored)
    return isPublic
  }

  /** Ends what is asked. */
  close(): void {
    const { host } = this.#options.upstream
    this.#closing.abort(new UpstreamFailure('closing', `${host} is not asked any more`))
  }

  async #isAllNotedPublic(stored: RepositoryName): Promise<boolean> {
    const { hasOpen, privateHosts } = await this.#options.origins.summary(stored)
    return hasOpen && privateHosts.length === 0
  }

  async #isNotedPublic(stored: RepositoryName, reference: Reference): Promise<boolean> {
    const digest =
      reference.kind === 'digest'
        ? reference.digest
        : (await this.#options.origins.findTag(stored, reference.tag))?.digest
    const origin = digest && this.#options.origins.provenance(stored, digest)
    return origin?.kind === 'fetched' && origin.from.isPublic === true
  }
}

function keyOf(stored: RepositoryName, digest: Digest): string {
  return `${stored} ${digest}`
}
