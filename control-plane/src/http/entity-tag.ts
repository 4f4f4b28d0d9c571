import { ProductError } from './product-error.js'

/** The version of a row as an entity tag (RFC 9110 §8.8.3). */
export function entityTag(version: number): string {
  return `"${version}"`
}

/** @throws ProductError `changed-meanwhile` unless If-Match is missing, `*`, or names this version (RFC 9110 §13.1.1) */
export function requireMatch(ifMatch: string | undefined, what: string, version: number): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return
  const current = entityTag(version)
  if (!ifMatch.split(',').some((tag) => tag.trim() === current))
    throw new ProductError('changed-meanwhile', { what, current })
}
