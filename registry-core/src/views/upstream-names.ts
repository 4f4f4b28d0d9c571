import type { Mirror, Mirrors } from '../mirror/mirrors.js'
import type { MirroredName } from '../mirror/mirrored-name.js'
import { RegistryError } from '../oci/failure.js'
import { findRepositoryName, type RepositoryName } from '../oci/repository.js'

/** What may be an upstream's name. */
export function firstPart(name: RepositoryName): string {
  const slash = name.indexOf('/')
  return slash < 0 ? name : name.slice(0, slash)
}

/** Whether the name may have come from an upstream, also one that is in the file no more: `quay.io/…`, `hub_5000/…`. */
export function isBelowHost(name: RepositoryName): boolean {
  return name.includes('/') && /\.|_\d+$|^localhost$/.test(firstPart(name))
}

/** `org/img` of `quay.io/org/img`; undefined when the name does not begin with the upstream's. */
export function withoutHost(
  name: RepositoryName,
  mirror: Mirror,
  mirrors: Mirrors,
): RepositoryName | undefined {
  const slash = name.indexOf('/')
  if (slash < 0 || mirrors.find(name.slice(0, slash))?.host !== mirror.host) return undefined
  return findRepositoryName(name.slice(slash + 1))
}

/** @throws RegistryError `name-invalid` where it is too long with the upstream's name before it */
export function nameIn(mirror: Mirror, remote: RepositoryName): MirroredName {
  const name = mirror.name(remote)
  if (name === undefined) throw new RegistryError('name-invalid', { name: `${mirror.host}/${remote}` })
  return name
}
