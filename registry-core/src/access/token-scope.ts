import { findRepositoryName } from '../oci/repository.js'
import { compileGlob } from '../oci/glob.js'
import { type Action, ACTIONS, allows, type Right, type TokenScope } from './may.js'

/** One entry of what a token is asked or made for, as Distribution's token protocol writes it. */
export interface ResourceActions {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

/** As in `repository:team/app:pull,push`; a class in brackets after the type says nothing here. */
const SCOPE_SHAPE = /^([a-z0-9]+)(?:\([a-z0-9]+\))?:(.+):([a-z*]+(?:,[a-z*]+)*)$/

/** Undefined for what no token could be made for: it is passed over, and so not granted. */
export function findScope(text: string): ResourceActions | undefined {
  const match = SCOPE_SHAPE.exec(text)
  if (match === null) return undefined
  const [, type = '', name = '', actions = ''] = match
  return { type, name, actions: [...new Set(actions.split(','))] }
}

const CATALOG = { type: 'registry', name: 'catalog' } as const

/** What of the asked the rights allow; an entry of which nothing is left is not there. */
export function grantable(
  asked: readonly ResourceActions[],
  rights: readonly Right[],
): readonly ResourceActions[] {
  return asked.flatMap(({ type, name, actions }): readonly ResourceActions[] => {
    if (type === CATALOG.type && name === CATALOG.name)
      return rights.length > 0 ? [{ type, name, actions: ['*'] }] : []
    const repository = type === 'repository' ? findRepositoryName(name) : undefined
    if (repository === undefined) return []
    const granted = ACTIONS.filter((action) => isAmong(action, actions) && allows(rights, action, repository))
    return granted.length === 0 ? [] : [{ type, name, actions: granted }]
  })
}

/** What a token's `access` allows. */
export function scopeOf(access: readonly ResourceActions[]): TokenScope {
  return {
    rights: access.flatMap(({ type, name, actions }) =>
      type === 'repository'
        ? [{ repositories: [compileExact(name)], actions: ACTIONS.filter((one) => isAmong(one, actions)) }]
        : [],
    ),
    catalog: access.some(
      ({ type, name, actions }) => type === CATALOG.type && name === CATALOG.name && actions.includes('*'),
    ),
  }
}

/** The scope to ask a token for, as a challenge names it. */
export function scopeText(repository: string, actions: readonly Action[]): string {
  return `repository:${repository}:${actions.join(',')}`
}

/** The scope of `_catalog`. */
export const CATALOG_SCOPE = `${CATALOG.type}:${CATALOG.name}:*`

function isAmong(action: Action, actions: readonly string[]): boolean {
  return actions.includes(action) || actions.includes('*')
}

/** The name itself: in a token a star is no pattern. */
function compileExact(name: string) {
  return name.includes('*') ? { text: name, matches: () => false } : compileGlob(name)
}
