import { ALL_RIGHTS, type Right, type Rights, type TokenScope } from './may.js'

/** What anybody may do on a listener, without saying who they are. */
export type AnonymousLevel = 'push' | 'pull' | 'none'

/** Who asks. */
export interface Caller extends Rights {
  /** Empty for anonymous callers. */
  readonly account: string
  /** What the account itself was given, without what anybody may. */
  readonly ownRights: readonly Right[]
  /** False for scanners and the like, whose pulls keep nothing alive. */
  readonly countsAsPull: boolean
  /**
   * `done`: they said who they are, so what they may not is denied; `possible`: logging in may give the right;
   * `wanted`: and `/v2/` asks for it, since clients take a challenge only from there; `none`: nobody can log in.
   */
  readonly login: 'done' | 'possible' | 'wanted' | 'none'
}

// Pushing includes deleting, as in registry:2, whose storage.delete.enabled is the only other condition (design §12).
const ANONYMOUS_RIGHTS: { readonly [L in AnonymousLevel]: readonly Right[] } = {
  push: ALL_RIGHTS,
  pull: ALL_RIGHTS.map((right) => ({ ...right, actions: ['pull'] })),
  none: [],
}

/** A caller without a name, with what the listener grants to all. */
export function anonymousCaller(level: AnonymousLevel, canLogIn: boolean): Caller {
  return {
    account: '',
    rights: ANONYMOUS_RIGHTS[level],
    ownRights: [],
    token: undefined,
    countsAsPull: true,
    login: !canLogIn ? 'none' : level === 'push' ? 'possible' : 'wanted',
  }
}

/** The same without a name but with a token, which `/v2/` asks for nothing more. */
export function anonymousTokenCaller(anonymous: Caller, token: TokenScope): Caller {
  return { ...anonymous, token, login: 'possible' }
}
