import { randomBytes, randomUUID } from 'node:crypto'

/** Chance, so that tests can have their own. */
export interface Random {
  /** RFC 9562 version 4. */
  uuid(): string
  /** `bytes` random bytes as lower-case hex. */
  hex(bytes: number): string
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  hex: (bytes) => randomBytes(bytes).toString('hex'),
}
