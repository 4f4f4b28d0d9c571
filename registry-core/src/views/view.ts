import type { RegistryError } from '../oci/failure.js'
import type { RepositoryName } from '../oci/repository.js'
import type { LocalRepository, Source } from '../registry/source.js'
import type { Place } from './place.js'

/** What a name means to this request. */
export interface View {
  readonly pull: Source
  readonly push: LocalRepository | undefined
  /** Blobs may lie in it that the caller may not see: it deletes none. */
  readonly hidesLayers: boolean
  /** Why it takes none. */
  readonly refusal: () => RegistryError
  /** The word of `X-Entrepot-Origin` where nothing was found. */
  readonly origin: string
  /** What whoever pushes here should know. */
  readonly pushWarning: (() => string | undefined) | undefined
  /** The upstream that the client named by `ns`, as it named it. */
  readonly namespace: string | undefined
  /** Whoever may do something to one of these may do it: by the name that was asked for, and by the one in the store. */
  readonly rightsOn: readonly RepositoryName[]
}

/** What decides what a name means. */
export interface Asked {
  readonly place: Place
  readonly namespace: string | undefined
  readonly repository: RepositoryName
  /** The address of whoever asks. */
  readonly client: string
  /** The caller's right to another name than the one that was asked for. */
  readonly mayPull: (repository: RepositoryName) => boolean
  /** The same by its own account, not only because anybody may. */
  readonly mayPullItself: (repository: RepositoryName) => boolean
}
