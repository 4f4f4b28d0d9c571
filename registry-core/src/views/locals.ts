import type { Mirrors } from '../mirror/mirrors.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Registry, Source } from '../registry/source.js'
import type { Origins, Provenance } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import { type Hidden, HiddenContent, type MayPullItself } from './hidden-content.js'
import { localSource } from './local-source.js'
import { NamedBlobs } from './named-blobs.js'
import { visibleOnly } from './visible-only.js'
import { whenKnown } from '../system/when-known.js'

/** A repository of this store, as one caller sees it. */
export interface SeenLocal {
  readonly pull: Source
  readonly hidden: Hidden
}

interface Options {
  readonly registry: Registry
  readonly links: Links
  readonly origins: Pick<Origins, 'provenance' | 'revisions' | 'summary' | 'wasMirrored'>
  readonly mirrors: Mirrors
}

/** The repositories of this store, without what upstreams gave to our accounts there for whoever may not see it. */
export class Locals {
  readonly #options: Options
  readonly #hidden: HiddenContent
  readonly #named: NamedBlobs

  constructor(options: Options) {
    this.#options = options
    this.#hidden = new HiddenContent(options)
    this.#named = new NamedBlobs(options)
  }

  open(repository: RepositoryName, mayPullItself: MayPullItself): SeenLocal | Promise<SeenLocal> {
    return whenKnown(this.#hidden.whatIsHidden(repository, mayPullItself), (hidden) => ({
      pull: this.#source(repository, hidden === 'nothing' ? undefined : mayPullItself),
      hidden,
    }))
  }

  /** Of it only what no mirror of ours has fetched. */
  unnoted(repository: RepositoryName): Source {
    return this.#visible(repository, ({ kind }) => kind !== 'fetched')
  }

  mayBeListed(repository: RepositoryName, mayPullItself: MayPullItself): boolean | Promise<boolean> {
    return this.#hidden.mayBeListed(repository, mayPullItself)
  }

  #source(repository: RepositoryName, mayPullItself: MayPullItself | undefined): Source {
    if (mayPullItself === undefined) return localSource(this.#options.registry.repository(repository))
    return this.#visible(repository, (provenance) => this.#hidden.sees(repository, provenance, mayPullItself))
  }

  #visible(repository: RepositoryName, sees: (provenance: Provenance) => boolean): Source {
    const { registry, origins, links } = this.#options
    return visibleOnly(registry.repository(repository), { origins, links, named: this.#named, sees })
  }
}
