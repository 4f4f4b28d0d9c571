import type { Mirrors } from '../mirror/mirrors.js'
import { findRepositoryName, type RepositoryName } from '../oci/repository.js'
import {
  isPrivate,
  isWithoutRevision,
  type Origins,
  type OriginSummary,
  type Provenance,
} from '../store/fetched.js'
import { firstPart, isBelowHost } from './upstream-names.js'
import { whenKnown } from '../system/when-known.js'

/** The caller's right by its own account to a name of the store. */
export type MayPullItself = (repository: RepositoryName) => boolean

/**
 * What a caller may not see of a repository: some of its revisions, with what only they name, or `layers` without any
 * revision, of which nothing tells who put them there.
 */
export type Hidden = 'nothing' | 'revisions' | 'layers'

/**
 * What upstreams gave to our accounts there, in repositories that no upstream stands for now: one that was taken out of the
 * file, or whose names a client has pushed into. It is shown to whom its upstream's name in a right opens it (ADR 13).
 */
export class HiddenContent {
  readonly #origins: Pick<Origins, 'summary' | 'wasMirrored'>
  readonly #mirrors: Mirrors

  constructor(options: {
    readonly origins: Pick<Origins, 'summary' | 'wasMirrored'>
    readonly mirrors: Mirrors
  }) {
    this.#origins = options.origins
    this.#mirrors = options.mirrors
  }

  /** One look where no mirror has written, as in most repositories; two more where one has (`Origins.summary`). */
  whatIsHidden(repository: RepositoryName, mayPullItself: MayPullItself): Hidden | Promise<Hidden> {
    if (this.#isOurs(repository)) return 'nothing'
    return whenKnown(this.#origins.summary(repository), (summary) => {
      if (isBareLayers(repository, summary)) return mayPullItself(repository) ? 'nothing' : 'layers'
      const isWhole = summary.privateHosts.every((host) => this.#isOpen(repository, host, mayPullItself))
      return isWhole ? 'nothing' : 'revisions'
    })
  }

  /** Whether the caller may see what came from there into the repository. */
  sees(repository: RepositoryName, provenance: Provenance, mayPullItself: MayPullItself): boolean {
    return !isPrivate(provenance) || this.#isOpen(repository, provenance.from.host, mayPullItself)
  }

  /** Whether the caller may know of it: that it may see one revision is enough. */
  mayBeListed(repository: RepositoryName, mayPullItself: MayPullItself): boolean | Promise<boolean> {
    const mirror = this.#mirrors.find(firstPart(repository))
    if (mirror === undefined && this.#isOurs(repository)) return true
    return whenKnown(this.#origins.summary(repository), (summary) => {
      const { hasOpen, privateHosts } = summary
      if (hasOpen) return true
      if (privateHosts.length > 0)
        return privateHosts.some((host) => this.#isOpen(repository, host, mayPullItself))
      const isMember = mayPullItself(repository)
      return mirror?.isKnownOpenTo(repository, isMember) ?? (isMember || !isBareLayers(repository, summary))
    })
  }

  /** No upstream gave anything that lies in it, not even layers. */
  #isOurs(repository: RepositoryName): boolean {
    return !isBelowHost(repository) && !this.#origins.wasMirrored(repository)
  }

  /** Under the upstream's name, also where a mirror without hosts before its names has left it (`proxy.remoteurl`). */
  #isOpen(repository: RepositoryName, host: string, mayPullItself: MayPullItself): boolean {
    const named = repository.startsWith(`${host}/`) ? repository : findRepositoryName(`${host}/${repository}`)
    if (named === undefined) return false
    const mirror = this.#mirrors.find(host)
    const isMember = mayPullItself(named)
    return mirror?.isKnownOpenTo(mirror.isBare ? repository : named, isMember) ?? isMember
  }
}

/** Layers have no notes. Without any revision, below what looks like a host, they may be what an upstream's account alone saw. */
function isBareLayers(repository: RepositoryName, summary: OriginSummary): boolean {
  return isWithoutRevision(summary) && isBelowHost(repository)
}
