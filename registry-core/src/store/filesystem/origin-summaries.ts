import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Algorithm, Digest } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import { BoundedMap } from '../../system/bounded-map.js'
import type { Clock } from '../../system/clock.js'
import { isPrivate, type OriginSummary, type Provenance } from '../fetched.js'
import type { Keys } from '../keys.js'
import type { Durable } from './durable.js'

/** A folder that changed so recently may change again within the same tick of the file system's clock. */
const SETTLED_AFTER_MS = 100
/** A note may be replaced, and what was fetched be pushed too, without a change of the folder: no summary is older. */
const KEPT_FOR_MS = 10 * 60_000
/** So long at least it may take until it is seen that a client has pushed the very digest that a mirror had fetched. */
const FETCHED_KEPT_FOR_MS = 10_000
/** Who looked through a large repository does so again after this many times the time that it took. */
const FETCHED_KEPT_FOR_TIMES = 100
/** Repositories: a catalog of more that a mirror has written to looks through all of them each time. */
const KEPT_LIMIT = 50_000
/** Of more folders without a link (registry:2 leaves them where it deletes) not each is looked at again. */
const UNLINKED_LIMIT = 32

/** Revisions in a row before others get their turn: each costs three synchronous looks at most. */
export const REVISIONS_A_TURN = 100

/** In `Keys.revisions`: one folder in which each revision has its own. */
export const REVISION_FOLDERS: readonly Algorithm[] = ['sha256', 'sha512']

const NOTHING: OriginSummary = {
  hasPushed: false,
  hasUnknown: false,
  hasFetched: false,
  hasOpen: false,
  privateHosts: [],
}

/** What the folders were when somebody looked through them: it holds as long as they are the same. */
interface Look {
  /** Those that were there, the one around them first: its time tells when another one comes, or a mirror's mark. */
  readonly folders: readonly string[]
  readonly state: string
  /** Whose link may come without a change of the folders. */
  readonly unlinked: readonly Digest[]
}

interface Folders extends Omit<Look, 'unlinked'> {
  readonly changedAtMs: number
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
  readonly wasMirrored: (repository: RepositoryName) => boolean
  /** Of each folder of a revision, in any order. */
  readonly digests: (repository: RepositoryName) => Promise<readonly Digest[]>
  /** Undefined when it has no link: it is about to get one, or has had it. */
  readonly provenance: (repository: RepositoryName, digest: Digest) => Provenance | undefined
}

/**
 * What lies in repositories, and who put it there: found by one walk for all who ask at once, and kept until a revision
 * comes or goes, in whichever process. To ask again costs a look at each folder, two as a rule, and one for each revision's
 * that had no link. Where no mirror has ever written a walk ends with the first revision that a client has pushed.
 */
export class OriginSummaries {
  readonly #options: Options
  readonly #walks = new Map<RepositoryName, Walk>()
  readonly #kept = new BoundedMap<Kept>(KEPT_LIMIT)

  constructor(options: Options) {
    this.#options = options
  }

  find(repository: RepositoryName): OriginSummary | Promise<OriginSummary> {
    const kept = this.#kept.get(repository)
    if (kept && this.#options.clock.elapsedMs() < kept.untilMs && this.#isSame(repository, kept))
      return kept.summary
    const walk = this.#walks.get(repository)
    if (walk && this.#isSame(repository, walk)) return walk.summary
    const around = this.#options.keys.revisions(repository)
    const found = this.#lookAt([around, ...REVISION_FOLDERS.map((algorithm) => `${around}/${algorithm}`)])
    return found.folders[0] === around ? this.#walk(repository, found) : NOTHING
  }

  /** After a change that the folders do not show. */
  forget(repository: RepositoryName): void {
    this.#kept.delete(repository)
    this.#walks.delete(repository)
  }

  /** Those that are there, and how they are. */
  #lookAt(paths: readonly string[]): Folders {
    const { fs } = this.#options.durable
    const folders = paths.flatMap((path) => {
      const stat = fs.statNow(path)
      return stat === undefined ? [] : [{ path, stat }]
    })
    return {
      folders: folders.map(({ path }) => path),
      state: folders.map(({ path, stat }) => `${path} ${stat.inode} ${stat.mtimeMs}`).join(),
      changedAtMs: Math.max(...folders.map(({ stat }) => stat.mtimeMs)),
    }
  }

  #isSame(repository: RepositoryName, { folders, state, unlinked }: Look): boolean {
    const { keys, durable } = this.#options
    const isLinked = (digest: Digest): boolean =>
      durable.fs.statNow(keys.link('revision', repository, digest)) !== undefined
    return this.#lookAt(folders).state === state && !unlinked.some(isLinked)
  }

  #walk(repository: RepositoryName, before: Folders): Promise<OriginSummary> {
    const { clock } = this.#options
    const { folders, state, changedAtMs } = before
    const isSettled = Math.abs(clock.now().getTime() - changedAtMs) > SETTLED_AFTER_MS
    const startedMs = clock.elapsedMs()
    const unlinked: Digest[] = []
    const end = (summary: OriginSummary): OriginSummary => {
      // Forgotten meanwhile, or there is a later one.
      if (this.#walks.get(repository) !== walk) return summary
      this.#walks.delete(repository)
      const nowMs = clock.elapsedMs()
      const untilMs = nowMs + keptForMs(summary, nowMs - startedMs, unlinked.length)
      const looked = unlinked.length > UNLINKED_LIMIT ? [] : unlinked
      if (isSettled) this.#kept.set(repository, { folders, state, unlinked: looked, summary, untilMs })
      return summary
    }
    const summary = this.#summaryOf(repository, unlinked).then(end)
    const walk: Walk = { folders, state, unlinked, summary }
    this.#walks.set(repository, walk)
    summary.catch(() => this.#walks.get(repository) === walk && this.#walks.delete(repository)) // told to those who have asked
    return summary
  }

  /** @param unlinked where folders without a link are entered */
  async #summaryOf(repository: RepositoryName, unlinked: Digest[]): Promise<OriginSummary> {
    const { wasMirrored, digests, provenance } = this.#options
    const isOurs = !wasMirrored(repository)
    const kinds = new Set<Provenance['kind']>()
    const hosts = new Set<string>()
    let hasOpen = false
    for (const [index, digest] of (await digests(repository)).entries()) {
      if (index % REVISIONS_A_TURN === REVISIONS_A_TURN - 1) await nextTurn()
      const found = provenance(repository, digest)
      if (found === undefined) {
        unlinked.push(digest)
        continue
      }
      kinds.add(found.kind)
      if (isPrivate(found)) hosts.add(found.from.host)
      else hasOpen = true
      if (isOurs && found.kind === 'pushed') break
    }
    return {
      hasPushed: kinds.has('pushed'),
      hasUnknown: kinds.has('unknown'),
      hasFetched: kinds.has('fetched'),
      hasOpen,
      privateHosts: [...hosts],
    }
  }
}

function keptForMs({ hasFetched }: OriginSummary, tookMs: number, unlinked: number): number {
  if (!hasFetched && unlinked <= UNLINKED_LIMIT) return KEPT_FOR_MS
  return Math.min(KEPT_FOR_MS, Math.max(FETCHED_KEPT_FOR_MS, tookMs * FETCHED_KEPT_FOR_TIMES))
}
