import type { RepositoryName } from '../oci/repository.js'
import type { Origins } from '../store/fetched.js'
import { whenKnown } from '../system/when-known.js'

/**
 * Which repositories under an upstream's name hold what clients have pushed: people pull, tag and push
 * `docker.elastic.co/…` to registry:2, and go on with it (design §3).
 */
export class Residents {
  readonly #origins: Pick<Origins, 'summary' | 'wasMirrored'>

  constructor({ origins }: { readonly origins: Pick<Origins, 'summary' | 'wasMirrored'> }) {
    this.#origins = origins
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
    const doesUnknownCount = !isBare || !repository.includes('/')
    return whenKnown(
      this.#origins.summary(repository),
      ({ hasPushed, hasUnknown }) => hasPushed || (doesUnknownCount && hasUnknown),
    )
  }

  /**
   * Nobody has pushed into it: it was fetched while the folder stood for one upstream, whose names had no host then. What
   * nobody noted may be registry:2's mirror's.
   */
  isFetched(repository: RepositoryName): boolean | Promise<boolean> {
    if (!this.#origins.wasMirrored(repository)) return false
    return whenKnown(
      this.#origins.summary(repository),
      ({ hasPushed, hasFetched }) => hasFetched && !hasPushed,
    )
  }
}

async function firstOf(
  judged: readonly (readonly [RepositoryName, boolean | Promise<boolean>])[],
): Promise<RepositoryName | undefined> {
  for (const [name, isLocal] of judged) if (await isLocal) return name
  return undefined
}
