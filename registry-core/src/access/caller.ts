import type { Right, Rights } from './may.js'

/** What anybody may do on a listener, without saying who they are. */
export type AnonymousLevel = 'push' | 'pull' | 'none'

/** Who asks. */
export interface Caller extends Rights {
  /** Empty for anonymous callers. */
  readonly account: string
}

// Pushing includes deleting, as in registry:2, whose storage.delete.enabled is the only other condition (design §12).
const ANONYMOUS_RIGHTS: { readonly [L in AnonymousLevel]: readonly Right[] } = {
  push: [{ repositories: ['**'], actions: ['pull', 'push', 'delete'] }],
  pull: [{ repositories: ['**'], actions: ['pull'] }],
  none: [],
}

/** A caller without a name, with what the listener grants to all. */
export function anonymousCaller(level: AnonymousLevel): Caller {
  return { account: '', rights: ANONYMOUS_RIGHTS[level] }
}
