import { algorithmOf, type Digest, digestOfBytes, findDigest, hexOf } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Identity } from '../../system/identity.js'
import type { Log } from '../../system/log.js'
import { type FileStat, errorCode } from '../fs.js'
import { blobPath, type Keys } from '../keys.js'
import type { Content, Linkage, StoredContent } from '../store.js'
import { commitFile } from './commit.js'
import type { Durable } from './durable.js'
import type { Looker } from './look.js'
import { VerifiedBytes } from './verified-bytes.js'

/** A link holds one digest; anything longer is damage. */
export const LINK_LIMIT_BYTES = 256
const READ_BYTES = 1024 * 1024

/** Content on a file system (gc-protocol §3, §4). */
export class FileContent implements Content {
  readonly #keys: Keys
  readonly #durable: Durable
  readonly #looker: Looker
  readonly #identity: Identity
  readonly #log: Log
  readonly #verified = new VerifiedBytes()

  constructor(options: { keys: Keys; durable: Durable; looker: Looker; identity: Identity; log: Log }) {
    this.#keys = options.keys
    this.#durable = options.durable
    this.#looker = options.looker
    this.#identity = options.identity
    this.#log = options.log
  }

  look(linkage: Linkage, repository: RepositoryName, digest: Digest): Promise<StoredContent | undefined> {
    return this.#find(linkage, repository, digest, false)
  }

  promise(linkage: Linkage, repository: RepositoryName, digest: Digest): Promise<StoredContent | undefined> {
    return this.#find(linkage, repository, digest, true)
  }

  async #find(
    linkage: Linkage,
    repository: RepositoryName,
    digest: Digest,
    renew: boolean,
  ): Promise<StoredContent | undefined> {
    const link = await this.#looker.look({ kind: linkage, repository, digest }, renew)
    if (link === undefined) return undefined
    const dataDigest = this.#readLink(this.#keys.link(linkage, repository, digest))
    if (dataDigest === undefined) return undefined
    const data = await this.#looker.look({ kind: 'data', digest: dataDigest }, renew)
    if (data === undefined) return undefined
    return {
      digest,
      dataDigest,
      sizeBytes: data.stat.sizeBytes,
      isHashed: this.#durable.fs.statNow(this.#keys.lease(dataDigest)) !== undefined,
      wasRescued: link.wasRescued,
      stat: data.stat,
    }
  }

  #readLink(path: string): Digest | undefined {
    const text = this.#durable.fs.readNow(path, LINK_LIMIT_BYTES)?.toString('latin1')
    if (text === undefined) return undefined
    const digest = findDigest(text.trim())
    if (digest === undefined) this.#log.warn({ path }, 'a damaged link was found: push its content again')
    return digest
  }

  async *read(
    content: StoredContent,
    first: number,
    last: number,
    signal: AbortSignal,
  ): AsyncIterable<Buffer> {
    const file = await this.#durable.fs.openToRead(this.#keys.data(content.dataDigest))
    if (file === undefined) throw Object.assign(new Error('the data has gone'), { code: 'ENOENT' })
    try {
      for (let at = first; at <= last; ) {
        signal.throwIfAborted()
        const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, last + 1 - at))
        const bytes = await file.read(buffer, at)
        if (bytes === 0) throw Object.assign(new Error('the data is shorter than it was'), { code: 'EIO' })
        yield buffer.subarray(0, bytes)
        at += bytes
      }
    } finally {
      await file.close()
    }
  }

  async readVerified(content: StoredContent, limitBytes: number): Promise<Buffer | undefined> {
    const known = this.#verified.find(content.dataDigest, content.stat)
    if (known !== undefined) return known
    const bytes = this.#readWhole(content, limitBytes)
    if (bytes === undefined) return undefined
    if (digestOfBytes(algorithmOf(content.dataDigest), bytes) !== content.dataDigest) {
      await this.quarantine(content, 'the bytes do not have their digest')
      return undefined
    }
    this.#verified.keep(content.dataDigest, content.stat, bytes)
    return bytes
  }

  #readWhole(content: StoredContent, limitBytes: number): Buffer | undefined {
    try {
      return this.#durable.fs.readNow(this.#keys.data(content.dataDigest), limitBytes)
    } catch (error) {
      if (errorCode(error) === 'EFBIG') return undefined // a blob, no manifest
      throw error
    }
  }

  pathForFront(content: StoredContent): string | undefined {
    return content.isHashed ? `${blobPath(content.dataDigest)}/data` : undefined
  }

  async markHashed(content: StoredContent): Promise<void> {
    if (isSame(this.#durable.fs.statNow(this.#keys.data(content.dataDigest)), content.stat))
      await this.#durable.makeEmpty(this.#keys.lease(content.dataDigest))
  }

  async quarantine(content: StoredContent, why: string): Promise<void> {
    const { fs } = this.#durable
    const digest = content.dataDigest
    if (!isSame(fs.statNow(this.#keys.data(digest)), content.stat)) return // healed meanwhile
    const target = `${this.#keys.quarantine(digest)}/${hexOf(digest)}.${this.#identity.newRunId()}`
    await fs.unlink(this.#keys.lease(digest))
    await fs.rename(this.#keys.data(digest), target)
    await this.#durable.syncFolder(this.#keys.blobFolder(digest))
    this.#log.error({ digest, why }, 'damaged content was quarantined: push or pull it again')
  }

  async commitBytes(digest: Digest, bytes: Uint8Array): Promise<void> {
    const temporary = await this.#durable.writeTemporary(bytes)
    await commitFile({ keys: this.#keys, durable: this.#durable }, digest, temporary, bytes.length)
  }
}

function isSame(now: FileStat | undefined, then: FileStat): boolean {
  return (
    now !== undefined &&
    now.inode === then.inode &&
    now.sizeBytes === then.sizeBytes &&
    now.mtimeMs === then.mtimeMs
  )
}
