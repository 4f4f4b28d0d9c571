import { hash } from '@node-rs/argon2'

/** OWASP's smallest for argon2id: 19 MiB, two passes. */
const COST = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** A hash that a box has made: another one may ask for any memory when somebody comes with its token. */
export const ARGON2ID = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/

/** What is kept of a token. */
export function hashOfToken(token: string): Promise<string> {
  return hash(token, COST)
}
