import type { RepositoryName } from '../oci/repository.js'

/** What is done to a repository. */
export type Action = 'pull' | 'push' | 'delete'

/** A row of rights: these actions on these repositories (`**`: all of them). */
export interface Right {
  readonly repositories: readonly string[]
  readonly actions: readonly Action[]
}

/** Who asks, as far as rights go. */
export interface Rights {
  readonly rights: readonly Right[]
}

/** The only answer to "may they?", for a path's repository and for every other one that a call touches. Pure. */
export function may(caller: Rights, action: Action, repository: RepositoryName): boolean {
  return caller.rights.some(
    ({ repositories, actions }) =>
      actions.includes(action) && repositories.some((glob) => matches(glob, repository)),
  )
}

/** True when there is any right at all: what `/v2/` asks. */
export function mayAnything(caller: Rights): boolean {
  return caller.rights.length > 0
}

function matches(glob: string, repository: RepositoryName): boolean {
  return glob === '**' || glob === repository
}
