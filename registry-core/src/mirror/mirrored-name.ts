import { findRepositoryName, type RepositoryName } from '../oci/repository.js'
import type { UpstreamSettings } from './mirror-settings.js'

/** Docker Hub keeps what has no owner under this name. */
const HUB = 'docker.io'
const HUB_OFFICIAL = 'library/'

/** A repository of an upstream, by its three names. */
export interface MirroredName {
  /** The upstream (`UpstreamSettings.host`). */
  readonly host: string
  /** As it is called there: `library/alpine`. */
  readonly remote: RepositoryName
  /** Where it lies in the store: `docker.io/library/alpine`, or as `remote` in Distribution's proxy mode. */
  readonly stored: RepositoryName
}

/** Which repository clients mean by `alpine` of an upstream; undefined when its name would be too long. */
export function findMirroredName(
  { host, naming }: Pick<UpstreamSettings, 'host' | 'naming'>,
  asked: RepositoryName,
): MirroredName | undefined {
  const isBare = naming === 'bare'
  const isOfficial = host === HUB && !isBare && !asked.includes('/')
  const remote = isOfficial ? findRepositoryName(`${HUB_OFFICIAL}${asked}`) : asked
  const stored = isBare ? remote : remote && findRepositoryName(`${host}/${remote}`)
  return remote && stored && { host, remote, stored }
}
