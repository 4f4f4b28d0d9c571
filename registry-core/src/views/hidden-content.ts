import type { Mirrors } from '../mirror/mirrors.js'
import { isPrivate, PrivateContent } from '../mirror/private-content.js'
import { findRepositoryName, type RepositoryName } from '../oci/repository.js'
import type { Origins, Provenance } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import { firstPart } from './upstream-names.js'
import { whenKnown } from '../system/when-known.js'

/** The caller's right by its own account to a name of the store. */
export type MayPullItself = (repository: RepositoryName) => boolean

/**
 * What upstreams gave to our accounts there, in repositories that no upstream stands for now: one that was taken out of the
 * file, or whose names a client has pushed into. It is shown to whom its upstream's name in a right opens it (ADR 13).
 */
export class HiddenContent {
  readonly #private: PrivateContent
  readonly #origins: Pick<Origins, 'revisions'>
  readonly #mirrors: Mirrors

  constructor(options: {
    readonly origins: Pick<Origins, 'revisions'>
    readonly links: Pick<Links, 'hasRepository'>
    readonly clock: Clock
    readonly mirrors: Mirrors
  }) {
    this.#private = new PrivateContent(options)
    this.#origins = options.origins
    this.#mirrors = options.mirrors
  }

  /** The upstream whose content in it the caller may not see; undefined: all of it is for this caller. */
  hostHiddenFrom(
    repository: RepositoryName,
    mayPullItself: MayPullItself,
  ): string | undefined | Promise<string | undefined> {
    const hidden = (hosts: readonly string[]): string | undefined =>
      hosts.find((host) => !this.#isOpen(repository, host, mayPullItself))
    return whenKnown(this.#private.hostsIn(repository), hidden)
  }

  /** Whether the caller may see what came from there into the repository. */
  sees(repository: RepositoryName, provenance: Provenance, mayPullItself: MayPullItself): boolean {
    return !isPrivate(provenance) || this.#isOpen(repository, provenance.from.host, mayPullItself)
  }

  /** Whether the caller may know of it; the first revision that it may see is enough. */
  async mayBeListed(repository: RepositoryName, mayPullItself: MayPullItself): Promise<boolean> {
    let isEmpty = true
    for await (const { provenance } of this.#origins.revisions(repository)) {
      if (this.sees(repository, provenance, mayPullItself)) return true
      isEmpty = false
    }
    const mirror = this.#mirrors.find(firstPart(repository))
    return isEmpty && (mirror?.mayBeListed(repository, mayPullItself(repository)) ?? true)
  }

  /** Under the upstream's name, also where a mirror without hosts before its names has left it (`proxy.remoteurl`). */
  #isOpen(repository: RepositoryName, host: string, mayPullItself: MayPullItself): boolean {
    const named = repository.startsWith(`${host}/`) ? repository : findRepositoryName(`${host}/${repository}`)
    if (named === undefined) return false
    const mirror = this.#mirrors.find(host)
    const isMember = mayPullItself(named)
    return mirror?.mayBeListed(mirror.isBare ? repository : named, isMember) ?? isMember
  }
}
