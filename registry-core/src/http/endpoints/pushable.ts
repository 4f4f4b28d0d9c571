import { RegistryError } from '../../oci/failure.js'
import type { LocalRepository } from '../../registry/source.js'
import type { View } from '../../views/views.js'

/** The repository that a push or delete goes to. @throws RegistryError `read-only`, `method-unsupported` where none is taken */
export function pushable(view: View): LocalRepository {
  if (view.isReadOnly) throw new RegistryError('read-only', {})
  if (view.push === undefined)
    throw new RegistryError('method-unsupported', {
      method: 'a push or delete',
      allowed: 'GET, HEAD',
    })
  return view.push
}
