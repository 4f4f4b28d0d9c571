import { RegistryError } from '../oci/failure.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Caller } from './caller.js'
import { type Action, mayWithWiderToken } from './may.js'

/**
 * What a caller hears who may not, by what they are alone and never by what exists: another token or a login where
 * that may help, else that it is denied.
 */
export function refusalOf(caller: Caller, action: Action, repository: RepositoryName): RegistryError {
  const asked = { action, name: repository }
  if (mayWithWiderToken(caller, action, repository)) return new RegistryError('scope-insufficient', asked)
  return refusalWithoutToken(caller, asked)
}

/** The same for what no token would give them either. */
export function refusalWithoutToken(
  { login }: Caller,
  asked: { readonly action: string; readonly name: string },
): RegistryError {
  return login === 'done' || login === 'none'
    ? new RegistryError('denied', asked)
    : new RegistryError('unauthorized', asked)
}
