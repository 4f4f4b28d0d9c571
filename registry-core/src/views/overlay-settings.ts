import type { Glob } from '../oci/glob.js'

/** What a bare name means on a mirror view, and on the registry view when it is not here (design §3). */
export interface OverlaySettings {
  /** Local repositories that clients of a mirror see, unless `hide` names them too. */
  readonly show: readonly Glob[]
  readonly hide: readonly Glob[]
  /** Who answers for a name that both have. */
  readonly prefer: 'local' | 'upstream'
  /** Names whose pushes take over what was served from upstream. */
  readonly override: readonly Glob[]
  /** Never asked upstream. */
  readonly localOnly: readonly Glob[]
  /** Names that go on to the upstream tag by tag, although they are here. */
  readonly fallThrough: readonly Glob[]
  /** Names that the registry view fetches from the default upstream when they are not here. */
  readonly onRegistry: readonly Glob[]
}

/** Whether one of the patterns of a setting names it. */
export function matches(globs: readonly Glob[], name: string): boolean {
  return globs.some((glob) => glob.matches(name))
}
