import type { RepositoryName } from '../oci/repository.js'
import type { Origins } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import { RecentMap } from '../system/recent-map.js'

type LocalOrigins = Pick<Origins, 'isLocal' | 'isFetched' | 'changedAt'>

/**
 * A manifest that comes or goes, in whichever process, is seen at once. So long it may take until it is seen that a client
 * has pushed the very digest that a mirror had fetched: that adds no file to what is looked at, and each tag and revision
 * says by itself who wrote it.
 */
const KNOWN_FOR_MS = 10_000
/** A repository that has changed so recently may change again within the same tick of the file system's clock. */
const SETTLED_AFTER_MS = 100
const KNOWN_LIMIT = 10_000

/**
 * Which repositories under an upstream's name hold what clients have pushed: people pull, tag and push
 * `docker.elastic.co/…` to registry:2, and go on with it (design §3).
 */
export class Residents {
  readonly #links: Links
  readonly #origins: LocalOrigins
  readonly #clock: Clock
  readonly #known: RecentMap<{ readonly answer: boolean; readonly changedAtMs: number }>

  constructor(options: { readonly links: Links; readonly origins: LocalOrigins; readonly clock: Clock }) {
    this.#links = options.links
    this.#origins = options.origins
    this.#clock = options.clock
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
    const changedAtMs = this.#origins.changedAt(repository)?.getTime() ?? 0
    if (known?.changedAtMs === changedAtMs) return known.answer
    return this.#links.hasRepository(repository) && this.#find(`${what} ${repository}`, changedAtMs, find)
  }

  async #find(question: string, changedAtMs: number, find: () => Promise<boolean>): Promise<boolean> {
    const isSettled = Math.abs(this.#clock.now().getTime() - changedAtMs) > SETTLED_AFTER_MS
    const answer = await find()
    if (isSettled) this.#known.set(question, { answer, changedAtMs })
    return answer
  }
}

async function firstOf(
  judged: readonly (readonly [RepositoryName, boolean | Promise<boolean>])[],
): Promise<RepositoryName | undefined> {
  for (const [name, isLocal] of judged) if (await isLocal) return name
  return undefined
}
