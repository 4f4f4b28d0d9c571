import type { RepositoryName } from '../oci/repository.js'
import type { Origins } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import type { Clock } from '../system/clock.js'

/** Only a push by another process changes it: pushes to us go where it says. */
const KNOWN_FOR_MS = 10_000
const KNOWN_LIMIT = 10_000

/**
 * Which repositories under an upstream's name hold what clients have pushed: people pull, tag and push
 * `docker.elastic.co/…` to registry:2, and go on with it (design §3).
 */
export class Residents {
  readonly #links: Links
  readonly #origins: Pick<Origins, 'isLocal'>
  readonly #clock: Clock
  readonly #known = new Map<RepositoryName, { readonly isLocal: boolean; readonly atMs: number }>()

  constructor(options: {
    readonly links: Links
    readonly origins: Pick<Origins, 'isLocal'>
    readonly clock: Clock
  }) {
    this.#links = options.links
    this.#origins = options.origins
    this.#clock = options.clock
  }

  /** @param isBare the name may be a local one or an upstream's: only what was pushed tells, or that no upstream has such names */
  isLocal(repository: RepositoryName, isBare: boolean): boolean | Promise<boolean> {
    const known = this.#known.get(repository)
    if (known !== undefined && this.#clock.elapsedMs() - known.atMs < KNOWN_FOR_MS) return known.isLocal
    return this.#links.hasRepository(repository) && this.#find(repository, isBare)
  }

  async #find(repository: RepositoryName, isBare: boolean): Promise<boolean> {
    const isUnclear = isBare && repository.includes('/')
    const isLocal = await this.#origins.isLocal(repository, isUnclear ? 'does not count' : 'counts')
    if (this.#known.size >= KNOWN_LIMIT) this.#known.clear()
    this.#known.set(repository, { isLocal, atMs: this.#clock.elapsedMs() })
    return isLocal
  }
}
