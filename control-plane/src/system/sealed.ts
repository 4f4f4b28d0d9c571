import { createCipheriv, createDecipheriv } from 'node:crypto'

import type { Random } from './random.js'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Secrets at rest: AES-256-GCM under the key of the box, bound to what they belong to (`upstream docker.io`). */
export class Sealing {
  readonly #key: Buffer
  readonly #random: Random

  /** `key` has 32 bytes. */
  constructor(key: Buffer, random: Random) {
    this.#key = key
    this.#random = random
  }

  /** The key itself, in base64 as its file has it: for backups, which hold what it has sealed. */
  exportKey(): string {
    return `${this.#key.toString('base64')}\n`
  }

  /** In base64: nonce, tag, and what is hidden. */
  seal(secret: string, owner: string): string {
    const nonce = this.#random.bytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(owner))
    const hidden = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString('base64')
  }

  /** @throws for what was sealed by another key, for another owner, or has been changed */
  open(sealed: string, owner: string): string {
    const bytes = Buffer.from(sealed, 'base64')
    const nonce = bytes.subarray(0, NONCE_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(owner))
      .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
    return Buffer.concat([
      decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)),
      decipher.final(),
    ]).toString('utf8')
  }
}
