import { createCipheriv, createDecipheriv, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

import { ProductError } from '../http/product-error.js'
import type { Random } from '../system/random.js'

const MAGIC = Buffer.from('entrepot-backup-encrypted 1\n')
const SALT_BYTES = 16
const KEY_BYTES = 32
/** Follows from the passphrase as the key does, and tells nothing about it: a wrong one is told from a broken file. */
const CHECK_BYTES = 16
const TAG_BYTES = 16
const CHUNK_BYTES = 64 * 1024
const HEAD_BYTES = MAGIC.length + SALT_BYTES + CHECK_BYTES
/** OWASP's second choice for scrypt: 32 MiB. They belong to the format, so that no file can ask for more. */
const COST = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 }

const derive = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt)

/**
 * AES-256-GCM in chunks, each bound to its place, the last one to being the last (STREAM: Hoang and others, 2015): memory
 * stays flat, and a cut file is noticed. The salt makes a key for this file alone, so the places are the nonces.
 */
export function encrypt(passphrase: string, random: Random) {
  return async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const salt = random.bytes(SALT_BYTES)
    const { key, check } = await keyOf(passphrase, salt)
    const head = Buffer.concat([MAGIC, salt, check])
    yield head
    let place = 0
    let rest: Buffer = Buffer.alloc(0)
    const seal = (chunk: Buffer, isLast: boolean): Buffer => {
      const cipher = createCipheriv('aes-256-gcm', key, nonceOf(place++, isLast)).setAAD(head)
      return Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()])
    }
    for await (const bytes of source) {
      rest = Buffer.concat([rest, bytes])
      for (; rest.length > CHUNK_BYTES; rest = rest.subarray(CHUNK_BYTES))
        yield seal(rest.subarray(0, CHUNK_BYTES), false)
    }
    yield seal(rest, true)
  }
}

/** Whether these first bytes of a file are those of an encrypted backup. */
export function isEncrypted(start: Buffer): boolean {
  return start.subarray(0, MAGIC.length).equals(MAGIC)
}

/** The other way round. @throws ProductError `not-restorable` for another passphrase, a cut or changed file */
export function decrypt(passphrase: string | undefined) {
  return async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let open: ((chunk: Buffer, isLast: boolean) => Buffer) | undefined
    let rest: Buffer = Buffer.alloc(0)
    for await (const bytes of source) {
      rest = Buffer.concat([rest, bytes])
      if (open === undefined && rest.length >= HEAD_BYTES) {
        open = await openerOf(passphrase, rest.subarray(0, HEAD_BYTES))
        rest = rest.subarray(HEAD_BYTES)
      }
      for (
        ;
        open !== undefined && rest.length > CHUNK_BYTES + TAG_BYTES;
        rest = rest.subarray(CHUNK_BYTES + TAG_BYTES)
      )
        yield open(rest.subarray(0, CHUNK_BYTES + TAG_BYTES), false)
    }
    if (open === undefined || rest.length < TAG_BYTES) throw broken()
    yield open(rest, true)
  }
}

async function openerOf(passphrase: string | undefined, head: Buffer) {
  if (passphrase === undefined)
    throw new ProductError('not-restorable', {
      why: 'it is encrypted: send the passphrase that it was made with',
    })
  const salt = head.subarray(MAGIC.length, MAGIC.length + SALT_BYTES)
  const { key, check } = await keyOf(passphrase, salt)
  if (!timingSafeEqual(check, head.subarray(MAGIC.length + SALT_BYTES)))
    throw new ProductError('not-restorable', { why: 'it was made with another passphrase' })
  let place = 0
  return (chunk: Buffer, isLast: boolean): Buffer => {
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(place++, isLast), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(head)
      .setAuthTag(chunk.subarray(chunk.length - TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(chunk.subarray(0, chunk.length - TAG_BYTES)), decipher.final()])
    } catch (error) {
      throw broken(error)
    }
  }
}

async function keyOf(
  passphrase: string,
  salt: Buffer,
): Promise<{ readonly key: Buffer; readonly check: Buffer }> {
  const derived = await derive(passphrase.normalize('NFC'), salt, KEY_BYTES + CHECK_BYTES, COST)
  return { key: derived.subarray(0, KEY_BYTES), check: derived.subarray(KEY_BYTES) }
}

function nonceOf(place: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(place, 7)
  nonce.writeUInt8(isLast ? 1 : 0, 11)
  return nonce
}

function broken(cause?: unknown): ProductError {
  return new ProductError('not-restorable', { why: 'it was cut short, or changed' }, { cause })
}
