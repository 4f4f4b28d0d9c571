import { createHash, type Hash } from 'node:crypto'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.js'
import { RegistryError } from '../../oci/failure.js'
import type { PartialContent } from '../fetched.js'
import type { OpenFile } from '../fs.js'
import type { Keys } from '../keys.js'
import { commitFile } from './commit.js'
import type { Durable } from './durable.js'
import type { WriteHealth } from './write-health.js'

export interface PartialParts {
  readonly keys: Keys
  readonly durable: Durable
  readonly health: WriteHealth
  /** Sets room aside. @throws RegistryError `storage-full` */
  readonly reserve: (missingBytes: number) => Promise<void>
  /** Called once, when nothing more is written; with the hash of what is kept. */
  readonly ended: (kept: Hash | undefined) => void
}

/** The file that one process alone writes; it is read through a descriptor of its own, which outlives the writing one. */
export class PartialFile implements PartialContent {
  readonly digest: Digest
  readonly path: string
  readonly #parts: PartialParts
  readonly #writer: OpenFile
  readonly #reader: OpenFile
  readonly #hash: Hash
  #offset: number
  #expectedBytes = 0
  #hasFailed = false
  #reads = 0
  #isClosed = false

  constructor(options: {
    digest: Digest
    path: string
    parts: PartialParts
    writer: OpenFile
    reader: OpenFile
    /** What is there already. */
    begun?: { readonly offset: number; readonly hash: Hash }
  }) {
    this.digest = options.digest
    this.path = options.path
    this.#parts = options.parts
    this.#writer = options.writer
    this.#reader = options.reader
    this.#hash = options.begun?.hash ?? createHash(algorithmOf(options.digest))
    this.#offset = options.begun?.offset ?? 0
  }

  get offset(): number {
    return this.#offset
  }

  /** What is expected, and not here yet. */
  get missingBytes(): number {
    return Math.max(0, this.#expectedBytes - this.#offset)
  }

  async expect(sizeBytes: number): Promise<void> {
    await this.#parts.reserve(Math.max(0, sizeBytes - this.#offset))
    this.#expectedBytes = sizeBytes
  }

  async append(pieces: readonly Buffer[]): Promise<void> {
    let bytes = 0
    for (const piece of pieces) {
      this.#hash.update(piece)
      bytes += piece.length
    }
    if (this.#hasFailed) return
    try {
      await this.#writer.write(pieces, this.#offset)
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
    this.#offset += bytes
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    this.#reads += 1
    try {
      return await this.#reader.read(buffer, position)
    } finally {
      this.#reads -= 1
      await this.#letGo()
    }
  }

  isWhole(): boolean {
    return digestOf(algorithmOf(this.digest), this.#hash.copy()) === this.digest
  }

  async commit(): Promise<void> {
    try {
      await this.#commit()
    } catch (error) {
      await this.discard()
      throw error
    }
    this.#parts.ended(undefined)
  }

  async #commit(): Promise<void> {
    const { keys, durable, health } = this.#parts
    const actual = digestOf(algorithmOf(this.digest), this.#hash.copy())
    if (actual !== this.digest) throw new RegistryError('digest-mismatch', { expected: this.digest, actual })
    if (this.#hasFailed) throw new RegistryError('storage-failing', { cause: 'a write has failed' })
    await health.watchSync(this.#writer.sync())
    // Before the rename: an open descriptor would write into what is committed (gc-protocol §4).
    await this.#writer.close()
    await commitFile({ keys, durable }, this.digest, this.path, this.#offset)
  }

  async keep(): Promise<void> {
    if (this.#offset === 0 || this.#hasFailed) return this.discard()
    await this.#writer.close()
    this.#parts.ended(this.#hash)
  }

  async discard(): Promise<void> {
    this.#hasFailed = true
    await this.#writer.close()
    await this.#parts.durable.dropQuietly(this.path)
    this.#parts.ended(undefined)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#letGo()
  }

  /** A descriptor that is closed under a read might be another file's by then. */
  async #letGo(): Promise<void> {
    if (this.#isClosed && this.#reads === 0) await this.#reader.close()
  }
}
