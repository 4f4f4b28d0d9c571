/** A bcrypt hash whose cost we are willing to pay. */
export const BCRYPT_SHAPE = /^\$2[abxy]\$(?:0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$/

/** The logarithm of what comparing with the hash costs. */
export function costOf(hash: string): number {
  return Number(hash.slice(4, 6))
}
