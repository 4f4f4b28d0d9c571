import { RegistryError } from '../oci/failure.js'
import type { RepositoryName } from '../oci/repository.js'

const PUSH_TO = 'the address of the registry, under a name that begins with no upstream'

/** For whoever pushes while nobody may. */
export function readOnly(): RegistryError {
  return new RegistryError('read-only', {})
}

/** For whoever may not see all of it (ADR 13): what that is, and whose, is not said. */
export function denied(name: RepositoryName): RegistryError {
  return new RegistryError('denied', { action: 'push to, nor delete from,', name })
}

/** For whoever pushes into a mirror: where it can be pushed instead. */
export function mirrored(repository: RepositoryName, host = 'this address'): RegistryError {
  return new RegistryError('mirrored-read-only', { repository, host, pushTo: PUSH_TO })
}
