import { queryPattern, targetPattern } from '@entrepot/registry-core/contract'

/**
 * The raw request targets that reach the core, as one line for nginx, which knows path and query only together: the
 * contract's path, and if there is a question mark, the contract's query behind it. Where the path's pattern means its
 * end, here a question mark may follow.
 */
export const acceptableRequestTarget = `${targetPattern.replaceAll('$', '(?![^?])')}(?:\\?${withoutAnchors(queryPattern)})?$`

function withoutAnchors(pattern: string): string {
  return `(?:${pattern.replace(/^\^/, '').replace(/\$$/, '')})`
}
