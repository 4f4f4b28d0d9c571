import type { Digest } from '../../oci/digest.js'
import { isJsonObject } from '../../oci/other-media-type.js'
import { type Reference, referenceText, type Tag } from '../../oci/reference.js'
import type { StoredManifest } from '../../registry/source.js'
import { BoundedMap } from '../../system/bounded-map.js'
import type { Clock } from '../../system/clock.js'
import type { Log } from '../../system/log.js'
import type { UpstreamCounters } from '../../system/mirror-metrics.js'
import { type Flight, Flights } from '../flights.js'
import { freshMsFor, isFresh } from './freshness.js'
import { asStored, type HeldManifests, type HeldTag, isWhole } from './held-manifests.js'
import type { UpstreamSettings } from '../mirror-settings.js'
import type { MirroredName } from '../mirrored-name.js'
import type { Questions } from '../questions/questions.js'
import {
  isUpstreamFailure,
  TROUBLES,
  UpstreamFailure,
  type UpstreamTrouble,
} from '../upstream/upstream-failure.js'
import type { FetchedManifest, Upstream } from '../upstream/upstream.js'

/** A question that nobody waits for any more ends too. */
const LIMIT_MS = 30_000
/** Of what is kept in memory beside each tag: more tags than this are seldom in use at once. */
const TAGS_LIMIT = 10_000
const SAY_EVERY_MS = 60_000

/** What came of a question to an upstream. */
export type ManifestOutcome =
  /** It is here: the upstream said that it still stands, or somebody has brought it meanwhile. */
  | { readonly kind: 'held'; readonly manifest: StoredManifest; readonly isPushed: boolean }
  /** It came; not kept where the store takes nothing. */
  | { readonly kind: 'fetched'; readonly manifest: StoredManifest; readonly isKept: boolean }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure }

export interface AskedManifestsOptions {
  /** Behind its breaker, which has a limit of questions before it. */
  readonly upstream: Upstream
  readonly settings: Pick<UpstreamSettings, 'freshFor'>
  /** The upstream is next door: a name without a dot, or a private address. */
  readonly isNextDoor: boolean
  readonly questions: Pick<Questions, 'ask'>
  readonly held: HeldManifests
  readonly counters: Pick<UpstreamCounters, 'revalidated'>
  readonly clock: Clock
  readonly log: Log
}

/** What one upstream is asked about manifests: each question once, however many want to know; what comes is kept. */
export class AskedManifests {
  readonly #options: AskedManifestsOptions
  readonly #flights: Flights<ManifestOutcome>
  readonly #closing = new AbortController()
  /** What the upstream said last of a tag: for one that we may not move, and for a store that takes nothing. */
  readonly #confirmed = new BoundedMap<{ readonly digest: Digest; readonly at: Date }>(TAGS_LIMIT)
  /** Tags that are here, and that the upstream has no more; since when. */
  readonly #gone = new BoundedMap<Date>(TAGS_LIMIT)
  readonly #said = new Map<UpstreamTrouble, number>()

  constructor(options: AskedManifestsOptions) {
    this.#options = options
    this.#flights = new Flights(options)
  }

  /** Tags that are cached although the upstream has them no more, as `repository:tag`; those that were noted last. */
  gone(): readonly { readonly name: string; readonly since: Date }[] {
    return [...this.#gone.entries()].map(([name, since]) => ({ name, since }))
  }

  /** What a tag stands for, as far as that is known here; undefined when nothing is held for it. */
  async findTag(name: MirroredName, tag: Tag, countsAsPull: boolean): Promise<HeldTag | undefined> {
    const { held } = this.#options
    const found = await held.findTag(name, tag, countsAsPull)
    const said = this.#confirmed.get(`${name.stored}:${tag}`)
    const isKnown = found !== undefined && found.kind !== 'unchecked'
    if (isKnown || said === undefined) return found
    const last = await held.find(name, said.digest, countsAsPull)
    return last === undefined ? found : { kind: 'checked', manifest: last.manifest, checkedAt: said.at }
  }

  isFresh(name: MirroredName, tag: Tag, held: HeldTag): boolean {
    if (held.kind === 'pushed') return true
    const { settings, isNextDoor, clock } = this.#options
    const freshMs = freshMsFor(settings.freshFor, isNextDoor, name.remote, tag)
    const now = clock.now()
    if (held.kind === 'checked' && isFresh(held.checkedAt, now, freshMs)) return true
    const confirmed = this.#confirmed.get(`${name.stored}:${tag}`)
    return confirmed?.digest === held.manifest.digest && isFresh(confirmed.at, now, freshMs)
  }

  /** Fetches it, unless it is here. */
  byDigest(name: MirroredName, digest: Digest, client: string | undefined): Flight<ManifestOutcome> {
    return this.#flights.join(`${name.stored}@${digest}`, async () => {
      // It may have come between the caller's look and this one, which is why 32 clients make one request.
      const held = await this.#options.held.find(name, digest, false)
      return held === undefined
        ? this.#fetch(name, { kind: 'digest', digest }, client)
        : { kind: 'held', ...held }
    })
  }

  /** Fetches it, or asks whether it still is what we have; neither while it is fresh. */
  byTag(name: MirroredName, tag: Tag, client: string): Flight<ManifestOutcome> {
    return this.#flights.join(`${name.stored}:${tag}`, async () => {
      const held = await this.findTag(name, tag, false)
      if (held !== undefined && this.isFresh(name, tag, held)) return heldAnswer(held)
      return held === undefined ? this.#fetchTag(name, tag, client) : this.#revalidate(name, tag, held)
    })
  }

  async #fetchTag(name: MirroredName, tag: Tag, client: string): Promise<ManifestOutcome> {
    const asked = await this.#fetch(name, { kind: 'tag', tag }, client)
    return this.#moveTag(name, tag, asked)
  }

  /** HEAD, which costs nothing at Docker Hub; GET only when the tag stands for what we do not have. */
  async #revalidate(name: MirroredName, tag: Tag, held: HeldTag): Promise<ManifestOutcome> {
    const { counters, upstream, clock } = this.#options
    const reference: Reference = { kind: 'tag', tag }
    const resolved = await this.#ask(name, reference, undefined, (signal) =>
      upstream.resolve(name.remote, reference, signal),
    )
    const key = `${name.stored}:${tag}`
    if (isUpstreamFailure(resolved)) {
      counters.revalidated('failed')
      if (TROUBLES[resolved.trouble].isGone) this.#noteGone(key)
      return { kind: 'failed', failure: resolved }
    }
    this.#gone.delete(key)
    const { digest } = held.manifest
    if (resolved === digest) {
      counters.revalidated('same')
      this.#confirmed.set(key, { digest, at: clock.now() })
      await this.#options.held.noteChecked(name, tag, digest)
      return heldAnswer(held)
    }
    counters.revalidated('moved')
    return this.#moveTag(name, tag, await this.byDigest(name, resolved, undefined).result)
  }

  /** The revision is here before the tag stands for it. A client's tag stays, and answers. */
  async #moveTag(name: MirroredName, tag: Tag, asked: ManifestOutcome): Promise<ManifestOutcome> {
    if (asked.kind === 'failed' || (asked.kind === 'fetched' && !asked.isKept)) return asked
    const { held, clock } = this.#options
    const { digest } = asked.manifest
    this.#confirmed.set(`${name.stored}:${tag}`, { digest, at: clock.now() })
    if (await held.moveTag(name, tag, digest)) return asked
    const now = await held.findTag(name, tag, false)
    return now?.kind === 'pushed' ? heldAnswer(now) : asked
  }

  async #fetch(
    name: MirroredName,
    reference: Reference,
    client: string | undefined,
  ): Promise<ManifestOutcome> {
    const { upstream, held } = this.#options
    const fetched = await this.#ask(name, reference, client, async (signal) =>
      checked(await upstream.manifest(name.remote, reference, signal), reference, upstream.host),
    )
    if (isUpstreamFailure(fetched)) return { kind: 'failed', failure: fetched }
    return { kind: 'fetched', manifest: asStored(fetched), isKept: await held.keep(name, fetched) }
  }

  /** One request, or none where the same was refused a moment ago. */
  async #ask<T>(
    name: MirroredName,
    reference: Reference,
    client: string | undefined,
    ask: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | UpstreamFailure> {
    const about = referenceText(reference)
    const question = { kind: 'manifest', repository: name.stored, about, client } as const
    try {
      return await this.#options.questions.ask(question, () => this.#inTime(ask))
    } catch (error) {
      if (!isUpstreamFailure(error)) throw error
      this.#say(error, keyOf(name, reference))
      return error
    }
  }

  async #inTime<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, upstream } = this.#options
    const limit = new AbortController()
    const cancel = clock.after(LIMIT_MS, () =>
      limit.abort(
        new UpstreamFailure('timeout', `${upstream.host} has not answered in ${LIMIT_MS / 1000} seconds`),
      ),
    )
    try {
      return await ask(AbortSignal.any([limit.signal, this.#closing.signal]))
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : error
    } finally {
      cancel()
    }
  }

  #noteGone(key: string): void {
    if (this.#gone.get(key) !== undefined) return
    const { clock, log, upstream } = this.#options
    this.#gone.set(key, clock.now())
    log.warn(
      { upstream: upstream.host, tag: key },
      'the upstream has this tag no more; what is cached is served',
    )
  }

  /** A line a minute for each trouble: clients decide how often it happens. */
  #say({ trouble, message }: UpstreamFailure, key: string): void {
    const { clock, log, upstream } = this.#options
    const last = this.#said.get(trouble)
    const isNew = last === undefined || clock.elapsedMs() - last >= SAY_EVERY_MS
    if (!TROUBLES[trouble].isLogged || !isNew) return
    this.#said.set(trouble, clock.elapsedMs())
    log.warn({ upstream: upstream.host, trouble, asked: key }, message)
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new UpstreamFailure('closing', 'this registry is being stopped'))
    await this.#flights.settled()
  }
}

function keyOf({ stored }: MirroredName, reference: Reference): string {
  return `${stored}${reference.kind === 'tag' ? ':' : '@'}${referenceText(reference)}`
}

function heldAnswer({ kind, manifest }: HeldTag): ManifestOutcome {
  return { kind: 'held', manifest, isPushed: kind === 'pushed' }
}

/** Nothing that comes from outside is taken at its word. */
function checked(fetched: FetchedManifest, reference: Reference, host: string): FetchedManifest {
  const wrong = (what: string) => new UpstreamFailure('wrong-content', `${host} sent ${what}`)
  if (reference.kind === 'digest' && fetched.digest !== reference.digest)
    throw wrong(`${fetched.digest} for ${reference.digest}`)
  if (!isWhole(fetched)) throw wrong(`bytes that are not ${fetched.digest}`)
  if (!isJsonObject(fetched.bytes)) throw wrong(`${fetched.mediaType} that is no manifest`)
  return fetched
}
