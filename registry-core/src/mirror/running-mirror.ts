import { isIP } from 'node:net'
import type { RepositoryName } from '../oci/repository.js'
import type { Registry, Source } from '../registry/source.js'
import { isWithoutRevision } from '../store/fetched.js'
import type { Store } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { MirrorMetrics } from '../system/mirror-metrics.js'
import type { Random } from '../system/random.js'
import { whenKnown } from '../system/when-known.js'
import type { BreakerState } from './watched/breaker.js'
import type { Downloads } from './downloads/downloads.js'
import { HeldManifests } from './manifests/held-manifests.js'
import { Manifests } from './manifests/manifests.js'
import { findMirroredName, type MirroredName } from './mirrored-name.js'
import { MirroredRepository } from './mirrored-repository.js'
import type { UpstreamSettings } from './mirror-settings.js'
import type { Asker, Mirror } from './mirrors.js'
import { NamedContent } from './questions/named-content.js'
import { Questions } from './questions/questions.js'
import { publicOnly } from './public-only.js'
import type { RateLimit } from './watched/rate-limit.js'
import { UndeliveredBlobs } from './undelivered.js'
import { isNearAddress } from './upstream/address-guard.js'
import { openUpstream } from './upstream/open-upstream.js'
import type { Environment } from './upstream/proxies.js'
import { Visibility } from './visibility.js'
import { watchUpstream, type WatchedUpstream } from './watched/watched-upstream.js'

/** What all upstreams share. */
export interface MirrorsOptions {
  readonly store: Store
  readonly registry: Registry
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: MirrorMetrics
  /** Where proxies are named (`HTTPS_PROXY`, `NO_PROXY`). */
  readonly environment: Environment
}

/** What `status` tells of an upstream. */
export interface MirrorState {
  readonly host: string
  readonly breaker: BreakerState
  /** In words, after the host: why it rests, and for how long. */
  readonly sentence: string
  readonly rateLimit: RateLimit | undefined
  /** Tags that are here, and that the upstream has no more. */
  readonly gone: readonly { readonly name: string; readonly since: Date }[]
}

/** One upstream with all that stands between it and its clients, as long as its settings stay. */
export class RunningMirror implements Mirror {
  readonly settings: UpstreamSettings
  readonly #store: MirrorsOptions['store']
  readonly #clock: Clock
  readonly #downloads: Downloads
  readonly #watched: WatchedUpstream
  readonly #visibility: Visibility
  readonly #questions: Questions
  readonly #named = new NamedContent()
  readonly #manifests: Manifests
  readonly #undelivered: UndeliveredBlobs

  constructor(settings: UpstreamSettings, downloads: Downloads, options: MirrorsOptions) {
    const { clock, log, store, registry, environment } = options
    this.settings = settings
    this.#store = store
    this.#clock = clock
    this.#downloads = downloads
    this.#watched = watchUpstream(
      settings.host,
      (onRateLimit) =>
        openUpstream(settings, {
          clock,
          log,
          environment,
          onRateLimit,
          sizeOf: (digest) => this.#named.sizeOf(digest),
        }),
      options,
    )
    const { upstream, rateLimit, counters } = this.#watched
    const questions = new Questions({ host: settings.host, clock, named: this.#named })
    this.#questions = questions
    const visibility = new Visibility({
      upstream,
      questions,
      clock,
      origins: store.origins,
      isForAll: (stored) => this.#isForAll(stored),
      onSlow: () => this.#manifests.noteSlow(),
    })
    this.#visibility = visibility
    this.#undelivered = new UndeliveredBlobs({ clock })
    // What is asked for without an account is given to nobody in particular.
    const isKnownPublic = (stored: RepositoryName): true | undefined =>
      settings.credentials === undefined || visibility.isKnownPublic(stored)
    this.#manifests = new Manifests({
      upstream,
      rateLimit,
      counters,
      clock,
      log,
      settings,
      questions,
      held: new HeldManifests({ store, registry, log, isKnownPublic }),
      isNextDoor: settings.urls.every(({ hostname }) => isNextDoor(hostname)),
    })
  }

  get host(): string {
    return this.settings.host
  }

  get isBare(): boolean {
    return this.settings.naming === 'bare'
  }

  name(remote: RepositoryName): MirroredName | undefined {
    return findMirroredName(this.settings, remote)
  }

  open(name: MirroredName, { isMember, client }: Asker): Source {
    const { upstream, counters } = this.#watched
    const { whenMissing } = this.settings
    const parts = {
      store: this.#store,
      upstream,
      counters,
      whenMissing,
      manifests: this.#manifests,
      downloads: this.#downloads,
      named: this.#named,
      undelivered: this.#undelivered,
      questions: this.#questions,
      clock: this.#clock,
    }
    const repository = new MirroredRepository(name, parts, client)
    if (this.#isOpen(isMember)) return repository
    return publicOnly(repository, name, { visibility: this.#visibility, client })
  }

  /** Without an account all is for everybody, but for what there was one for once: so may layers be without any manifest. */
  #isForAll(stored: RepositoryName): boolean | Promise<boolean> {
    if (this.settings.credentials !== undefined) return false
    const { origins, links } = this.#store
    return whenKnown(origins.summary(stored), (summary) => {
      if (isWithoutRevision(summary) && links.hasRepository(stored)) return false
      return !summary.privateHosts.includes(this.host)
    })
  }

  isKnownOpenTo(stored: RepositoryName, isMember: boolean): boolean {
    return this.#isOpen(isMember) || this.#visibility.wasPublic(stored)
  }

  #isOpen(isMember: boolean): boolean {
    const { expose } = this.settings
    return expose === 'all' || (expose === 'accounts' && isMember)
  }

  state(): MirrorState {
    const { breaker, rateLimit } = this.#watched
    return {
      host: this.host,
      breaker: breaker.state,
      sentence: breaker.describe(),
      rateLimit: rateLimit.current(),
      gone: this.#manifests.gone(),
    }
  }

  async close(): Promise<void> {
    this.#visibility.close()
    await this.#manifests.close()
    await this.#watched.close()
  }
}

/** A registry of one's own: a name without a dot, or an address of a private network. */
function isNextDoor(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  return isIP(address) === 0 ? !hostname.includes('.') : isNearAddress(address)
}
