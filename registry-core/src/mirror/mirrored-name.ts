import type { RepositoryName } from '../oci/repository.js'

/** A repository of an upstream, by its three names. */
export interface MirroredName {
  /** The upstream (`UpstreamSettings.host`). */
  readonly host: string
  /** As it is called there: `library/alpine`. */
  readonly remote: RepositoryName
  /** Where it lies in the store: `docker.io/library/alpine`, or as `remote` in Distribution's proxy mode. */
  readonly stored: RepositoryName
}
