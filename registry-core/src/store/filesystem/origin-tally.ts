import type { Digest } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import { BoundedMap } from '../../system/bounded-map.js'
import { isPrivate, type OriginSummary, type Provenance } from '../fetched.js'

/** Fewer are looked at anew each time: that takes a few milliseconds. */
const WORTH_KEEPING = 200
const REPOSITORIES_LIMIT = 1000
/** Kept over all repositories; the one that was looked through first goes first. */
const DIGESTS_LIMIT = 300_000

/** Which revisions a walk has found, and what is to be said of all of them: the next walk adds those that have come since. */
export class OriginTally {
  readonly #digests = new Set<Digest>()
  readonly #kinds = new Set<Provenance['kind']>()
  readonly #hosts = new Set<string>()
  #hasOpen = false

  get size(): number {
    return this.#digests.size
  }

  has(digest: Digest): boolean {
    return this.#digests.has(digest)
  }

  add(digest: Digest, provenance: Provenance): void {
    this.#digests.add(digest)
    this.#kinds.add(provenance.kind)
    if (isPrivate(provenance)) this.#hosts.add(provenance.from.host)
    else this.#hasOpen = true
  }

  summary(): OriginSummary {
    return {
      hasPushed: this.#kinds.has('pushed'),
      hasUnknown: this.#kinds.has('unknown'),
      hasFetched: this.#kinds.has('fetched'),
      hasOpen: this.#hasOpen,
      privateHosts: [...this.#hosts],
    }
  }
}

/** A tally of all that lay in a repository. */
export interface WholeTally {
  readonly tally: OriginTally
  /** What it took to look at all. */
  readonly tookMs: number
  /** By the clock's `elapsedMs`: then all is looked at again. */
  readonly untilMs: number
}

/** Those of large repositories, as many as there is room for: a push into one need not cost a look at all of it. */
export class KeptTallies {
  readonly #kept = new BoundedMap<WholeTally>(REPOSITORIES_LIMIT)

  find(repository: RepositoryName): WholeTally | undefined {
    return this.#kept.get(repository)
  }

  keep(repository: RepositoryName, whole: WholeTally): void {
    if (whole.tally.size < WORTH_KEEPING) this.#kept.delete(repository)
    else this.#kept.set(repository, whole)
    let digests = 0
    for (const { tally } of this.#kept.values()) digests += tally.size
    for (const [oldest, { tally }] of this.#kept.entries()) {
      if (digests <= DIGESTS_LIMIT) return
      this.#kept.delete(oldest)
      digests -= tally.size
    }
  }

  drop(repository: RepositoryName): void {
    this.#kept.delete(repository)
  }
}
