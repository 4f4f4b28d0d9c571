import type { RepositoryName } from '../oci/repository.js'
import type { Origins } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import { RecentMap } from '../system/recent-map.js'

type LocalOrigins = Pick<Origins, 'isLocal' | 'isFetched'>

/** Only a push by another process changes it: pushes to us go where it says. */
const KNOWN_FOR_MS = 10_000
const KNOWN_LIMIT = 10_000

/**
 * Which repositories under an upstream's name hold what clients have pushed: people pull, tag and push
 * `docker.elastic.co/…` to registry:2, and go on with it (design §3).
 */
export class Residents {
  readonly #links: Links
  readonly #origins: LocalOrigins
  readonly #known: RecentMap<boolean>

  constructor(options: { readonly links: Links; readonly origins: LocalOrigins; readonly clock: Clock }) {
    this.#links = options.links
    this.#origins = options.origins
    this.#known = new RecentMap({ clock: options.clock, forMs: KNOWN_FOR_MS, limit: KNOWN_LIMIT })
  }

  /** The first of the names that is one. */
  first(
    names: readonly RepositoryName[],
    isBare: boolean,
  ): RepositoryName | undefined | Promise<RepositoryName | undefined> {
    const judged = names.map((name) => [name, this.isLocal(name, isBare)] as const)
    return judged.every(([, isLocal]) => isLocal === false) ? undefined : firstOf(judged)
  }

  /** @param isBare the name may be a local one or an upstream's: only what was pushed tells, or that no upstream has such names */
  isLocal(repository: RepositoryName, isBare: boolean): boolean | Promise<boolean> {
    const unknown = isBare && repository.includes('/') ? 'does not count' : 'counts'
    return this.#judge(repository, 'local', () => this.#origins.isLocal(repository, unknown))
  }

  /** Nobody has pushed into it: it was fetched while the folder stood for one upstream, whose names had no host then. */
  isFetched(repository: RepositoryName): boolean | Promise<boolean> {
    return this.#judge(repository, 'fetched', () => this.#origins.isFetched(repository))
  }

  #judge(
    repository: RepositoryName,
    what: 'local' | 'fetched',
    find: () => Promise<boolean>,
  ): boolean | Promise<boolean> {
    const known = this.#known.get(`${what} ${repository}`)
    if (known !== undefined) return known
    return this.#links.hasRepository(repository) && this.#find(`${what} ${repository}`, find)
  }

  async #find(question: string, find: () => Promise<boolean>): Promise<boolean> {
    const answer = await find()
    this.#known.set(question, answer)
    return answer
  }
}

async function firstOf(
  judged: readonly (readonly [RepositoryName, boolean | Promise<boolean>])[],
): Promise<RepositoryName | undefined> {
  for (const [name, isLocal] of judged) if (await isLocal) return name
  return undefined
}
