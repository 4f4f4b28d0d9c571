import type { RepositoryName } from '../oci/repository.js'
import type { Source } from '../registry/source.js'
import type { MirroredName } from './mirrored-name.js'

/** All upstreams. */
export interface Mirrors {
  /** The upstream of that name or alias, in any case; names are looked up in a closed list, never dialled. */
  find(host: string): Mirror | undefined
  /** What a bare name means on a mirror view; undefined: nothing but what is local. */
  readonly default: Mirror | undefined
  readonly isEmpty: boolean
}

/** Who asks a mirror. */
export interface Asker {
  /** An account that may pull it: it may see more than anybody (`expose`). */
  readonly isMember: boolean
  /** Its address: what is made up there is no reason to ask less for others. */
  readonly client: string
}

/** One upstream, as its clients see it. */
export interface Mirror {
  /** Its name in the store and in `ns`. */
  readonly host: string
  /** Its names in the store have no host before them (`proxy.remoteurl`). */
  readonly isBare: boolean
  /** `alpine` of Docker Hub is `library/alpine`. */
  name(remote: RepositoryName): MirroredName | undefined
  open(name: MirroredName, asker: Asker): Source
  /**
   * Whether what it gave to our account, or may have, is for this caller: nothing is asked for it, so what nobody knows to
   * be public is not.
   */
  isKnownOpenTo(stored: RepositoryName, isMember: boolean): boolean
}

/** Of a registry that mirrors nobody. */
export const NO_MIRRORS: Mirrors = { find: () => undefined, default: undefined, isEmpty: true }
