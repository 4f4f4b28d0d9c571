import { RegistryError } from '../oci/failure.js'
import type { RepositoryName } from '../oci/repository.js'
import type { LocalRepository, Registry, Source } from '../registry/source.js'

/** How a listener finds its view: it has one, or nginx says so in a header that it always overwrites. */
export type ListenerView =
  | 'registry'
  | 'mirror'
  | 'header'
  /** Every name is one of this upstream's, by its host as the settings write it. */
  | { readonly upstream: string }

/** What a name means to this request; a view without `push` takes none. */
export interface View {
  readonly pull: Source
  readonly push: LocalRepository | undefined
  /** A push or delete is refused because of storage.maintenance.readonly. */
  readonly isReadOnly: boolean
  /** The word of `X-Entrepot-Origin`. */
  readonly origin: string
}

/** Decides once for a request what a repository's name means. Nothing further in reads a header or a host. */
export interface Views {
  /**
   * @param header the `X-Entrepot-View` of the request
   * @throws RegistryError `header-malformed` for a view that is not served, `namespace-unknown` for an unknown `ns`
   */
  open(asked: {
    readonly view: ListenerView
    readonly header: string | undefined
    readonly namespace: string | undefined
    readonly repository: RepositoryName
  }): View
}

/** The registry view: every name is a local repository. */
export function openViews({
  registry,
  isReadOnly = false,
}: {
  readonly registry: Registry
  readonly isReadOnly?: boolean
}): Views {
  return {
    open({ view, header, namespace, repository }) {
      if (view === 'header' && header !== 'registry')
        throw new RegistryError('header-malformed', {
          header: 'X-Entrepot-View',
          found: header ?? '',
          allowed: 'registry',
        })
      if (namespace !== undefined) throw new RegistryError('namespace-unknown', { namespace })
      const local = registry.repository(repository)
      const takesPushes = !isReadOnly && (view === 'registry' || view === 'header')
      return { pull: local, push: takesPushes ? local : undefined, isReadOnly, origin: 'local' }
    },
  }
}
