import type { RepositoryName } from '../oci/repository.js'
import { compileGlob, type Glob } from '../oci/glob.js'

/** Every action, for those who may do everything. */
export const ACTIONS = ['pull', 'push', 'delete'] as const

/** What is done to a repository. */
export type Action = (typeof ACTIONS)[number]

/** A row of rights: these actions on the repositories that one of the patterns matches. */
export interface Right {
  readonly repositories: readonly Glob[]
  readonly actions: readonly Action[]
}

/** What a token was made for: never more than its owner may. */
export interface TokenScope {
  readonly rights: readonly Right[]
  /** `registry:catalog:*`: the list of all repositories. */
  readonly catalog: boolean
}

/** Who asks, as far as rights go. */
export interface Rights {
  readonly rights: readonly Right[]
  /** Both must allow it; undefined for whoever comes without a token. */
  readonly token: TokenScope | undefined
}

/** Everything, everywhere. */
export const ALL_RIGHTS: readonly Right[] = [{ repositories: [compileGlob('**')], actions: ACTIONS }]

/** The only answer to "may they?", for a path's repository and for every other one that a call touches. Pure. */
export function may(caller: Rights, action: Action, repository: RepositoryName): boolean {
  return (
    allows(caller.rights, action, repository) &&
    (caller.token === undefined || allows(caller.token.rights, action, repository))
  )
}

/** The same for a repository that was asked for by another name: a token is made for the name that its client knows. */
export function mayAs(
  { rights, token }: Rights,
  action: Action,
  repository: RepositoryName,
  asked: RepositoryName,
): boolean {
  const names = [repository, asked]
  return (
    allows(rights, action, repository) &&
    (token === undefined || names.some((name) => allows(token.rights, action, name)))
  )
}

/**
 * What the caller may pull, and what of it by its own account, not only because anybody may.
 * @param asked the name that the call was made for: a token for it is one for what it means
 */
export function pullRights(
  { rights, ownRights, token }: Rights & { readonly ownRights: readonly Right[] },
  asked?: RepositoryName,
): {
  readonly mayPull: (repository: RepositoryName) => boolean
  readonly mayPullItself: (repository: RepositoryName) => boolean
} {
  const mayBy = (given: readonly Right[]) => (repository: RepositoryName) =>
    mayAs({ rights: given, token }, 'pull', repository, asked ?? repository)
  return { mayPull: mayBy(rights), mayPullItself: mayBy(ownRights) }
}

/** Whether the owner may, with a token that was made for more. */
export function mayWithWiderToken(caller: Rights, action: Action, repository: RepositoryName): boolean {
  return caller.token !== undefined && allows(caller.rights, action, repository)
}

/** Whether a repository stands in the caller's catalog: a token for the catalog shows what its owner may pull. */
export function mayList(caller: Rights, repository: RepositoryName): boolean {
  return allows(caller.rights, 'pull', repository)
}

/** Whether there can be anything in it. */
export function mayListAny(caller: Rights): boolean {
  return caller.rights.some(({ actions }) => actions.includes('pull'))
}

/** Whether nothing is left out of it. */
export function mayListAll(caller: Rights): boolean {
  return caller.rights.some(
    ({ actions, repositories }) => actions.includes('pull') && repositories.some(({ text }) => text === '**'),
  )
}

/** True when there is any right at all: what `/v2/` asks. */
export function mayAnything(caller: Rights): boolean {
  return caller.rights.length > 0
}

/** True when one of the rows allows it. */
export function allows(rights: readonly Right[], action: Action, repository: string): boolean {
  for (const { repositories, actions } of rights)
    if (actions.includes(action) && repositories.some((glob) => glob.matches(repository))) return true
  return false
}
