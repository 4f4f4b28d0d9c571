import { createHash, type Hash } from 'node:crypto'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.js'
import { RegistryError } from '../../oci/failure.js'
import type { PartialContent } from '../../store/fetched.js'

/** Where there is no room: bytes are hashed and pass. */
export class NotStored implements PartialContent {
  readonly digest: Digest
  readonly offset = 0
  readonly #hash: Hash

  constructor(digest: Digest) {
    this.digest = digest
    this.#hash = createHash(algorithmOf(digest))
  }

  expect(): Promise<void> {
    return Promise.resolve()
  }

  append(pieces: readonly Buffer[]): Promise<void> {
    for (const piece of pieces) this.#hash.update(piece)
    return Promise.resolve()
  }

  read(): Promise<number> {
    return Promise.resolve(0)
  }

  isWhole(): boolean {
    return digestOf(algorithmOf(this.digest), this.#hash.copy()) === this.digest
  }

  commit(): Promise<void> {
    return Promise.reject(new RegistryError('storage-failing', { cause: 'nothing was stored' }))
  }

  keep(): Promise<void> {
    return Promise.resolve()
  }

  discard(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
