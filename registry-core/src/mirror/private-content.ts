import type { RepositoryName } from '../oci/repository.js'
import type { FetchedFrom, Origins, Provenance } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import { BoundedMap } from '../system/bounded-map.js'
import type { Clock } from '../system/clock.js'
import { Flights } from './flights.js'

/** What has private content from now on belongs to an upstream with an account, which answers for its names itself. */
const KNOWN_FOR_MS = 10_000
/** Who looked through a large repository does so again after this many times the time that it took. */
const KNOWN_FOR_TIMES = 100
const KNOWN_LIMIT = 10_000

/** Which upstreams gave something to our account there, and not to everybody, that lies in a repository (ADR 13). */
export class PrivateContent {
  readonly #origins: Pick<Origins, 'revisions'>
  readonly #links: Pick<Links, 'hasRepository'>
  readonly #clock: Clock
  readonly #looks: Flights<readonly string[]>
  readonly #known = new BoundedMap<{ readonly hosts: readonly string[]; readonly untilMs: number }>(
    KNOWN_LIMIT,
  )

  constructor(options: {
    readonly origins: Pick<Origins, 'revisions'>
    readonly links: Pick<Links, 'hasRepository'>
    readonly clock: Clock
  }) {
    this.#origins = options.origins
    this.#links = options.links
    this.#clock = options.clock
    this.#looks = new Flights(options)
  }

  /** At once where it is known already. */
  hostsIn(repository: RepositoryName): readonly string[] | Promise<readonly string[]> {
    const known = this.#known.get(repository)
    if (known !== undefined && this.#clock.elapsedMs() < known.untilMs) return known.hosts
    if (!this.#links.hasRepository(repository)) return []
    return this.#looks.join(repository, () => this.#look(repository)).result
  }

  async #look(repository: RepositoryName): Promise<readonly string[]> {
    const startedMs = this.#clock.elapsedMs()
    const found = new Set<string>()
    for await (const { provenance } of this.#origins.revisions(repository))
      if (isPrivate(provenance)) found.add(provenance.from.host)
    const hosts = [...found]
    const nowMs = this.#clock.elapsedMs()
    const untilMs = nowMs + Math.max(KNOWN_FOR_MS, (nowMs - startedMs) * KNOWN_FOR_TIMES)
    this.#known.set(repository, { hosts, untilMs })
    return hosts
  }
}

/** Fetched, and nobody knows that its upstream gives it to everybody. */
export function isPrivate(
  provenance: Provenance,
): provenance is { readonly kind: 'fetched'; readonly from: FetchedFrom; readonly at: Date } {
  return provenance.kind === 'fetched' && provenance.from.isPublic !== true
}
