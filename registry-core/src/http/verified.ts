import { createHash } from 'node:crypto'
import { algorithmOf, digestOf } from '../oci/digest.js'
import type { Content, StoredContent } from '../store/store.js'

/** So much is kept back until the digest is known: what came before it is no whole body. */
const HELD_BACK_BYTES = 64 * 1024

/** The bytes of the store are not what their name says. */
class WrongDigest extends Error {
  readonly code = 'WRONG_DIGEST'
}

/**
 * All bytes of content that nobody has hashed yet (an adopted store's), hashed as they go by. The last ones come only
 * when the digest is right; then the store is told. @throws WrongDigest
 */
export async function* verifiedWhileRead(
  content: StoredContent,
  store: Content,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  const algorithm = algorithmOf(content.digest)
  const hash = createHash(algorithm)
  const freeBytes = Math.max(0, content.sizeBytes - HELD_BACK_BYTES)
  const held: Buffer[] = []
  let readBytes = 0
  for await (const piece of store.read(content, 0, content.sizeBytes - 1, signal)) {
    hash.update(piece)
    const free = Math.max(0, Math.min(piece.length, freeBytes - readBytes))
    readBytes += piece.length
    if (free > 0) yield piece.subarray(0, free)
    if (free < piece.length) held.push(Buffer.from(piece.subarray(free)))
  }
  const actual = digestOf(algorithm, hash)
  if (actual !== content.digest) throw new WrongDigest(`its digest is ${actual}, not ${content.digest}`)
  await store.markHashed(content)
  yield* held
}
