import type { Digest } from '../../oci/digest.js'
import type { FileStat } from '../fs.js'

const LIMIT_BYTES = 64 * 1024 * 1024

interface Entry {
  readonly inode: number
  readonly mtimeMs: number
  readonly bytes: Buffer
}

/**
 * Small content that was hashed after it was read, most recently used last. It answers "these are the bytes of that
 * file", never "exists": the caller has just seen the file in place.
 */
export class VerifiedBytes {
  readonly #entries = new Map<Digest, Entry>()
  #sizeBytes = 0

  find(digest: Digest, stat: FileStat): Buffer | undefined {
    const entry = this.#entries.get(digest)
    if (entry === undefined || entry.inode !== stat.inode || entry.mtimeMs !== stat.mtimeMs) return undefined
    this.#entries.delete(digest)
    this.#entries.set(digest, entry)
    return entry.bytes
  }

  keep(digest: Digest, stat: FileStat, bytes: Buffer): void {
    this.#drop(digest)
    this.#entries.set(digest, { inode: stat.inode, mtimeMs: stat.mtimeMs, bytes })
    this.#sizeBytes += bytes.length
    for (const oldest of this.#entries.keys()) {
      if (this.#sizeBytes <= LIMIT_BYTES) break
      this.#drop(oldest)
    }
  }

  #drop(digest: Digest): void {
    this.#sizeBytes -= this.#entries.get(digest)?.bytes.length ?? 0
    this.#entries.delete(digest)
  }
}
