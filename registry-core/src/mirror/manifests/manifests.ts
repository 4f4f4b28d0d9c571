import type { Digest } from '../../oci/digest.js'
import { type Reference, referenceText, type Tag } from '../../oci/reference.js'
import type { ManifestRequest, Pulled, PulledManifest, StoredManifest } from '../../registry/source.js'
import type { Clock } from '../../system/clock.js'
import { type ManifestOutcome, AskedManifests, type AskedManifestsOptions } from './asked-manifests.js'
import type { Flight } from '../flights.js'
import type { FetchedTag, HeldManifests } from './held-manifests.js'
import type { UpstreamSettings } from '../mirror-settings.js'
import type { MirroredName } from '../mirrored-name.js'
import { failureWithoutCopy, sparedSentence, staleSentence } from '../outage.js'
import { WAIT_WITH_COPY_MS, WAIT_WITHOUT_MS } from '../patience.js'
import type { RateLimitWatch } from '../watched/rate-limit.js'
import { waitAtMost } from '../until-aborted.js'
import { UpstreamFailure, type UpstreamTrouble } from '../upstream/upstream-failure.js'

/** So long nobody waits for an upstream that has let somebody wait in vain, unless it answers in time before. */
const SLOW_MS = 5 * 60_000

/** A request, and the address of the client. */
export interface AskedFor extends ManifestRequest {
  readonly client: string
}

/** The manifests of one upstream: from the store, and from the upstream where that does not do. */
export class Manifests {
  readonly #held: HeldManifests
  readonly #asked: AskedManifests
  readonly #rateLimit: Pick<RateLimitWatch, 'isLow'>
  readonly #settings: Pick<UpstreamSettings, 'whenMissing'>
  readonly #clock: Clock
  #slowUntilMs = 0

  constructor(
    options: AskedManifestsOptions & {
      readonly settings: Pick<UpstreamSettings, 'freshFor' | 'whenMissing'>
      readonly rateLimit: Pick<RateLimitWatch, 'isLow'>
    },
  ) {
    this.#held = options.held
    this.#asked = new AskedManifests(options)
    this.#rateLimit = options.rateLimit
    this.#settings = options.settings
    this.#clock = options.clock
  }

  /**
   * For GET and HEAD alike: whoever asks for the one wants the other next. What is here is answered in any outage.
   * @throws RegistryError as outage.ts says, when nothing is here and the upstream does not give it
   */
  manifest(name: MirroredName, reference: Reference, request: AskedFor): Promise<Pulled<PulledManifest>> {
    return reference.kind === 'digest'
      ? this.#byDigest(name, reference.digest, request)
      : this.#byTag(name, reference.tag, request)
  }

  /** Somebody has waited for this upstream in vain: nobody else does for a while, where there is a copy. */
  noteSlow(): void {
    this.#slowUntilMs = Math.max(this.#slowUntilMs, this.#clock.elapsedMs() + SLOW_MS)
  }

  /** Tags that are cached although the upstream has them no more. */
  gone(): ReturnType<AskedManifests['gone']> {
    return this.#asked.gone()
  }

  close(): Promise<void> {
    return this.#asked.close()
  }

  async #byDigest(name: MirroredName, digest: Digest, request: AskedFor): Promise<Pulled<PulledManifest>> {
    const held = await this.#held.find(name, digest, request.countsAsPull)
    if (held !== undefined) return hit(name, held.manifest, held.isPushed)
    return this.#withoutCopy(
      name,
      { kind: 'digest', digest },
      request,
      this.#asked.byDigest(name, digest, request.client),
    )
  }

  async #byTag(name: MirroredName, tag: Tag, request: AskedFor): Promise<Pulled<PulledManifest>> {
    const held = await this.#asked.findTag(name, tag, request.countsAsPull)
    if (held === undefined)
      return this.#withoutCopy(
        name,
        { kind: 'tag', tag },
        request,
        this.#asked.byTag(name, tag, request.client),
      )
    const { kind, manifest } = held
    if (kind === 'pushed' || this.#asked.isFresh(name, tag, held))
      return hit(name, manifest, kind === 'pushed')
    if (this.#rateLimit.isLow()) return stale(name, manifest, sparedSentence(name.host, checkedAtOf(held)))
    return this.#withCopy(name, held, request, this.#asked.byTag(name, tag, request.client))
  }

  async #withoutCopy(
    name: MirroredName,
    reference: Reference,
    { signal }: ManifestRequest,
    flight: Flight<ManifestOutcome>,
  ): Promise<Pulled<PulledManifest>> {
    const asked = await waitAtMost(this.#clock, flight.result, WAIT_WITHOUT_MS, signal())
    if (asked !== undefined && asked.kind !== 'failed') return answer(name, asked, flight.isNew)
    const late = new UpstreamFailure(
      'timeout',
      `${name.host} has not answered yet: ${referenceText(reference)}`,
    )
    const wanted = { kind: 'manifest', repository: name.stored, reference } as const
    throw failureWithoutCopy(asked?.failure ?? late, name.host, wanted, this.#settings.whenMissing)
  }

  async #withCopy(
    name: MirroredName,
    held: FetchedTag,
    { signal }: ManifestRequest,
    flight: Flight<ManifestOutcome>,
  ): Promise<Pulled<PulledManifest>> {
    const trouble = (word: UpstreamTrouble) =>
      stale(name, held.manifest, staleSentence(word, name.host, checkedAtOf(held)))
    const asked = await waitAtMost(this.#clock, flight.result, this.#patienceMs(flight), signal())
    if (asked === undefined) {
      this.#watchSlow(flight)
      return trouble('timeout')
    }
    if (asked.kind === 'failed') return trouble(asked.failure.trouble)
    this.#slowUntilMs = 0
    return answer(name, asked, flight.isNew)
  }

  /** Those that come later wait for what is left of it, so that all of them together wait no longer than one. */
  #patienceMs({ startedMs }: Flight<ManifestOutcome>): number {
    const nowMs = this.#clock.elapsedMs()
    return nowMs < this.#slowUntilMs ? 0 : Math.max(0, startedMs + WAIT_WITH_COPY_MS - nowMs)
  }

  /** It is over when an answer comes as soon as it should, although nobody may have waited for it. */
  #watchSlow({ result, startedMs }: Flight<ManifestOutcome>): void {
    this.noteSlow()
    const endIfFast = (asked: ManifestOutcome): void => {
      const isFast = this.#clock.elapsedMs() - startedMs < WAIT_WITH_COPY_MS
      if (asked.kind !== 'failed' && isFast) this.#slowUntilMs = 0
    }
    result.then(endIfFast, () => undefined)
  }
}

function checkedAtOf(held: FetchedTag): Date | undefined {
  return held.kind === 'checked' ? held.checkedAt : undefined
}

function hit(name: MirroredName, manifest: StoredManifest, isPushed: boolean): Pulled<PulledManifest> {
  const { host, stored: repository } = name
  return { value: { ...manifest, repository }, served: { origin: isPushed ? 'local' : host, cache: 'hit' } }
}

function stale(name: MirroredName, manifest: StoredManifest, warning: string): Pulled<PulledManifest> {
  const { host, stored: repository } = name
  return { value: { ...manifest, repository }, served: { origin: host, cache: 'stale', warning } }
}

/** Whoever made the upstream give it says `miss`, those who joined got it for nothing. */
function answer(
  name: MirroredName,
  asked: Exclude<ManifestOutcome, { readonly kind: 'failed' }>,
  isNew: boolean,
): Pulled<PulledManifest> {
  if (asked.kind === 'held') return hit(name, asked.manifest, asked.isPushed)
  const cache = asked.isKept ? (isNew ? 'miss' : 'hit') : 'bypass'
  return { value: { ...asked.manifest, repository: name.stored }, served: { origin: name.host, cache } }
}
