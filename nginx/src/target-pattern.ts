import { queryPattern, targetPattern } from '@entrepot/registry-core/contract'

const path = targetPattern.replaceAll('$', '(?![^?])')

/**
 * The raw request targets that reach the core, as one line for nginx, which knows path and query only together: the
 * contract's path, and if there is a question mark, the contract's query behind it. Where the path's pattern means its
 * end, here a question mark may follow.
 */
export const acceptableRequestTarget = `${path}(?:\\?${withoutAnchors(queryPattern)})?$`

/**
 * The same for PCRE: a repeated group never gives back what it took. It has no use for it here, but would remember each
 * turn, until a target of some kilobytes overflows the stack of PCRE's compiled code, and nginx refuses it.
 */
export const acceptableToPcre = acceptableRequestTarget.replaceAll(/\[[^\]]*\]|\)[+*]/g, (part) =>
  part.startsWith('[') ? part : `${part}+`,
)

function withoutAnchors(pattern: string): string {
  return `(?:${pattern.replace(/^\^/, '').replace(/\$$/, '')})`
}
