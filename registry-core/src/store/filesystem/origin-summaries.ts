import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Algorithm, Digest } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import { BoundedMap } from '../../system/bounded-map.js'
import type { Clock } from '../../system/clock.js'
import type { OriginSummary, Provenance } from '../fetched.js'
import type { Keys } from '../keys.js'
import type { Durable } from './durable.js'
import { KeptTallies, OriginTally, type WholeTally } from './origin-tally.js'

/** A folder that changed so recently may change again within the same tick of the file system's clock. */
const SETTLED_AFTER_MS = 100
/** A note may be replaced, and what was fetched be pushed too, without a change of the folder: no summary is older. */
const KEPT_FOR_MS = 10 * 60_000
/** So long at least it may take until it is seen that a client has pushed the very digest that a mirror had fetched. */
const FETCHED_KEPT_FOR_MS = 10_000
/** Who looked through a large repository does so again after this many times the time that it took. */
const FETCHED_KEPT_FOR_TIMES = 100
/** Repositories: a catalog of more looks through all of them each time. */
const KEPT_LIMIT = 50_000
/** Of more folders without a link (registry:2 leaves them where it deletes) not each is looked at again. */
const UNLINKED_LIMIT = 32

/** Revisions in a row before others get their turn: each costs three synchronous looks at most. */
export const REVISIONS_A_TURN = 100

const NOTHING: OriginSummary = {
  hasPushed: false,
  hasUnknown: false,
  hasFetched: false,
  hasOpen: false,
  privateHosts: [],
}

/** One folder of a repository that each revision has its own in, for each algorithm. */
export function revisionFolders(keys: Keys, repository: RepositoryName): readonly [Algorithm, string][] {
  const folder = `${keys.repository(repository)}/_manifests/revisions`
  return [
    ['sha256', `${folder}/sha256`],
    ['sha512', `${folder}/sha512`],
  ]
}

/** What the folders were when somebody looked through them: it holds as long as they are the same. */
interface Look {
  readonly state: string
  /** Whose link may come without a change of the folders. */
  readonly unlinked: readonly Digest[]
}

interface Walk extends Look {
  readonly summary: Promise<OriginSummary>
}

interface Kept extends Look {
  readonly summary: OriginSummary
  readonly untilMs: number
}

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly clock: Clock
  /** Of each folder of a revision, in any order. */
  readonly digests: (repository: RepositoryName) => Promise<readonly Digest[]>
  /** Undefined when it has no link: it is about to get one, or has had it. */
  readonly provenance: (repository: RepositoryName, digest: Digest) => Provenance | undefined
}

/**
 * What lies in repositories, and who put it there: found by one walk for all who ask at once, and kept until a revision
 * comes or goes, in whichever process. To ask again costs the two looks that tell whether one has, and one for each folder
 * that had no link.
 */
export class OriginSummaries {
  readonly #options: Options
  readonly #walks = new Map<RepositoryName, Walk>()
  readonly #kept = new BoundedMap<Kept>(KEPT_LIMIT)
  readonly #tallies = new KeptTallies()

  constructor(options: Options) {
    this.#options = options
  }

  find(repository: RepositoryName): OriginSummary | Promise<OriginSummary> {
    const { state, changedAtMs } = this.#lookAt(repository)
    if (changedAtMs === undefined) return NOTHING
    const kept = this.#kept.get(repository)
    if (kept && this.#options.clock.elapsedMs() < kept.untilMs && this.#isSame(repository, kept, state))
      return kept.summary
    const walk = this.#walks.get(repository)
    if (walk && this.#isSame(repository, walk, state)) return walk.summary
    return this.#walk(repository, state, changedAtMs)
  }

  /** After a change that the folders do not show. */
  forget(repository: RepositoryName): void {
    this.#kept.delete(repository)
    this.#walks.delete(repository)
    this.#tallies.drop(repository)
  }

  #lookAt(repository: RepositoryName): { readonly state: string; readonly changedAtMs: number | undefined } {
    const { keys, durable } = this.#options
    const stats = revisionFolders(keys, repository).map(([, folder]) => durable.fs.statNow(folder))
    const times = stats.flatMap((stat) => (stat === undefined ? [] : [stat.mtimeMs]))
    return {
      state: stats.map((stat) => stat && `${stat.inode} ${stat.mtimeMs}`).join(),
      changedAtMs: times.length === 0 ? undefined : Math.max(...times),
    }
  }

  #isSame(repository: RepositoryName, { state, unlinked }: Look, now: string): boolean {
    const { keys, durable } = this.#options
    const isLinked = (digest: Digest): boolean =>
      durable.fs.statNow(keys.link('revision', repository, digest)) !== undefined
    return state === now && !unlinked.some(isLinked)
  }

  #walk(repository: RepositoryName, state: string, changedAtMs: number): Promise<OriginSummary> {
    const { clock } = this.#options
    const isSettled = Math.abs(clock.now().getTime() - changedAtMs) > SETTLED_AFTER_MS
    const unlinked: Digest[] = []
    const end = (whole: WholeTally): OriginSummary => {
      const summary = whole.tally.summary()
      // Forgotten meanwhile, or there is a later one.
      if (this.#walks.get(repository) !== walk) return summary
      this.#walks.delete(repository)
      const forMs = keptForMs(summary, whole.tookMs, unlinked.length)
      const untilMs = Math.min(whole.untilMs, clock.elapsedMs() + forMs)
      this.#tallies.keep(repository, { ...whole, untilMs })
      const looked = unlinked.length > UNLINKED_LIMIT ? [] : unlinked
      if (isSettled) this.#kept.set(repository, { state, unlinked: looked, summary, untilMs })
      return summary
    }
    const summary = this.#tally(repository, unlinked).then(end)
    const walk: Walk = { state, unlinked, summary }
    this.#walks.set(repository, walk)
    summary.catch(() => this.#walks.get(repository) === walk && this.#walks.delete(repository)) // told to those who have asked
    return summary
  }

  /**
   * In a large repository only what has come since the last walk is looked at, while nothing has gone. A digest that went
   * and came back in between is taken for what it was.
   * @param unlinked where folders without a link are entered
   */
  async #tally(repository: RepositoryName, unlinked: Digest[]): Promise<WholeTally> {
    const { clock, digests } = this.#options
    const before = this.#tallies.find(repository)
    const startedMs = clock.elapsedMs()
    const found = await digests(repository)
    if (before !== undefined && startedMs < before.untilMs) {
      const isKnown = (digest: Digest): boolean => before.tally.has(digest)
      if (found.filter(isKnown).length === before.tally.size) {
        await this.#add(repository, before.tally, found, unlinked)
        return before
      }
    }
    const tally = new OriginTally()
    await this.#add(repository, tally, found, unlinked)
    return { tally, tookMs: clock.elapsedMs() - startedMs, untilMs: Number.POSITIVE_INFINITY }
  }

  async #add(
    repository: RepositoryName,
    tally: OriginTally,
    found: readonly Digest[],
    unlinked: Digest[],
  ): Promise<void> {
    let looks = 0
    for (const digest of found) {
      if (tally.has(digest)) continue
      const provenance = this.#options.provenance(repository, digest)
      if (provenance === undefined) unlinked.push(digest)
      else tally.add(digest, provenance)
      looks += 1
      if (looks % REVISIONS_A_TURN === 0) await nextTurn()
    }
  }
}

function keptForMs({ hasFetched }: OriginSummary, tookMs: number, unlinked: number): number {
  if (!hasFetched && unlinked <= UNLINKED_LIMIT) return KEPT_FOR_MS
  return Math.min(KEPT_FOR_MS, Math.max(FETCHED_KEPT_FOR_MS, tookMs * FETCHED_KEPT_FOR_TIMES))
}
