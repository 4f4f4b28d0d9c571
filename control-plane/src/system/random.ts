import { randomBytes, randomUUID } from 'node:crypto'

/** Chance, so that tests can have their own. */
export interface Random {
  /** RFC 9562 version 4. */
  uuid(): string
  bytes(count: number): Buffer
}

/** Node's own, fit for keys and tokens (CSPRNG of the kernel). */
export const systemRandom: Random = { uuid: () => randomUUID(), bytes: (count) => randomBytes(count) }
