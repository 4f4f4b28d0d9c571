import { algorithmOf, type Digest, hexOf } from './digest.js'

/** Where a referrer stands in the order of its subject's list, and what `last` names: `<xx>/<alg>-<hex>`. */
export function referrerKey(referrer: Digest): string {
  const hex = hexOf(referrer)
  return `${hex.slice(0, 2)}/${algorithmOf(referrer)}-${hex}`
}
