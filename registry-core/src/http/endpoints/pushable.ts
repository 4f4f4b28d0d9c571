import type { LocalRepository } from '../../registry/source.js'
import type { View } from '../../views/view.js'

/** The repository that a push or delete goes to. @throws RegistryError `read-only`, `mirrored-read-only` or `denied` where none is taken */
export function pushable(view: View): LocalRepository {
  if (view.push === undefined) throw view.refusal()
  return view.push
}
