import { randomBytes, randomUUID } from 'node:crypto'

/** Chance, so that tests can have their own. */
export interface Random {
  /** RFC 9562 version 4. */
  uuid(): string
  bytes(count: number): Buffer
}

export const systemRandom: Random = { uuid: () => randomUUID(), bytes: (count) => randomBytes(count) }
