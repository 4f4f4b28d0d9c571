import { setImmediate as nextTurn } from 'node:timers/promises'
import { algorithmOf, type Digest, digestOfBytes, hexOf } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Identity } from '../../system/identity.js'
import type { Log } from '../../system/log.js'
import { type FileStat, errorCode } from '../fs.js'
import { blobPath, type Keys } from '../keys.js'
import type { Content, Linkage, StoredContent } from '../store.js'
import { commitFile } from './commit.js'
import type { Durable } from './durable.js'
import type { LinkReader } from './link-file.js'
import { isWhole, type Looker, type ReadShards } from './look.js'
import { readAgainNow } from './read-again.js'
import { VerifiedBytes } from './verified-bytes.js'

const READ_BYTES = 1024 * 1024
/** Synchronous looks in a row before others get their turn. */
const LOOKS_A_TURN = 100

/** Content on a file system (gc-protocol §3, §4). */
export class FileContent implements Content {
  readonly #keys: Keys
  readonly #durable: Durable
  readonly #looker: Looker
  readonly #linkReader: LinkReader
  readonly #identity: Identity
  readonly #log: Log
  readonly #verified = new VerifiedBytes()

  constructor(options: {
    keys: Keys
    durable: Durable
    looker: Looker
    linkReader: LinkReader
    identity: Identity
    log: Log
  }) {
    this.#keys = options.keys
    this.#durable = options.durable
    this.#looker = options.looker
    this.#linkReader = options.linkReader
    this.#identity = options.identity
    this.#log = options.log
  }

  look(linkage: Linkage, repository: RepositoryName, digest: Digest): Promise<StoredContent | undefined> {
    return this.#find(linkage, repository, digest, false)
  }

  promise(linkage: Linkage, repository: RepositoryName, digest: Digest): Promise<StoredContent | undefined> {
    return this.#find(linkage, repository, digest, true)
  }

  async lookAtBytes(digest: Digest): Promise<{ readonly sizeBytes: number } | undefined> {
    if (this.#durable.fs.statNow(this.#keys.lease(digest)) === undefined) return undefined
    const data = await this.#looker.look({ kind: 'data', digest }, false)
    return data && { sizeBytes: data.stat.sizeBytes }
  }

  async lookAtMentioned(
    repository: RepositoryName,
    digests: readonly Digest[],
    renew: boolean,
  ): Promise<ReadonlyMap<Digest, StoredContent>> {
    const found = new Map<Digest, StoredContent>()
    const shards: ReadShards = new Map()
    for (const [index, digest] of digests.entries()) {
      if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await nextTurn()
      for (const linkage of ['layer', 'revision'] as const) {
        const stored = await this.#find(linkage, repository, digest, renew, shards)
        if (stored !== undefined) found.set(digest, stored)
      }
    }
    return found
  }

  async #find(
    linkage: Linkage,
    repository: RepositoryName,
    digest: Digest,
    renew: boolean,
    shards?: ReadShards,
  ): Promise<StoredContent | undefined> {
    const link = await this.#looker.look({ kind: linkage, repository, digest }, renew, shards)
    if (link === undefined) return undefined
    const dataDigest = this.#linkReader.read(this.#keys.link(linkage, repository, digest), link.stat)
    if (dataDigest === undefined) return undefined
    if (!mayStandFor(linkage, digest, dataDigest)) {
      this.#log.warn({ linkage, repository, digest, holds: dataDigest }, 'a link holds the digest of another')
      return undefined
    }
    const data = await this.#looker.look({ kind: 'data', digest: dataDigest }, renew)
    if (data === undefined) {
      await this.#clearDamage(dataDigest)
      return undefined
    }
    return {
      repository,
      digest,
      dataDigest,
      sizeBytes: data.stat.sizeBytes,
      wasRescued: link.wasRescued,
      stat: data.stat,
    }
  }

  /** What lies where bytes should and is none (empty, a symbolic link, a pipe) is taken away: a re-push heals. */
  async #clearDamage(digest: Digest): Promise<void> {
    const stat = this.#durable.fs.statNow(this.#keys.data(digest))
    if (stat !== undefined && !isWhole({ kind: 'data', digest }, stat))
      await this.#quarantineData(digest, stat, 'what lies there is no content')
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
    if (content.sizeBytes > limitBytes) return undefined // a blob, no manifest
    const bytes = this.#readWhole(content)
    if (bytes === undefined || digestOfBytes(algorithmOf(content.dataDigest), bytes) !== content.dataDigest) {
      await this.quarantine(content, 'the bytes cannot be read, or do not have their digest')
      return undefined
    }
    this.#verified.keep(content.dataDigest, content.stat, bytes)
    return bytes
  }

  #readWhole(content: StoredContent): Buffer | undefined {
    try {
      return readAgainNow(this.#durable.fs, this.#keys.data(content.dataDigest), content.sizeBytes)
    } catch (error) {
      if (errorCode(error) === 'EFBIG' || errorCode(error) === 'EIO') return undefined
      throw error
    }
  }

  isHashed(content: StoredContent): boolean {
    return this.#durable.fs.statNow(this.#keys.lease(content.dataDigest)) !== undefined
  }

  pathForFront(content: StoredContent): string | undefined {
    return this.isHashed(content) ? `${blobPath(content.dataDigest)}/data` : undefined
  }

  async markHashed(content: StoredContent): Promise<void> {
    if (isSame(this.#durable.fs.statNow(this.#keys.data(content.dataDigest)), content.stat))
      this.#durable.makeEmpty(this.#keys.lease(content.dataDigest))
  }

  async quarantine(content: StoredContent, why: string): Promise<void> {
    const digest = content.dataDigest
    if (isSame(this.#durable.fs.statNow(this.#keys.data(digest)), content.stat))
      await this.#quarantineData(digest, content.stat, why) // else it was healed meanwhile
  }

  /**
   * Renames first and then looks what it took: a commit that heals may come before the rename, and what it has
   * acknowledged goes back, under the lease that it made.
   */
  async #quarantineData(digest: Digest, damaged: FileStat, why: string): Promise<void> {
    const { fs } = this.#durable
    const target = `${this.#keys.quarantine(digest)}/${hexOf(digest)}.${this.#identity.newRunId()}`
    try {
      await fs.rename(this.#keys.data(digest), target)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return // somebody else was faster
      throw error
    }
    if (!isSame(fs.statNow(target), damaged)) {
      await this.#putBack(digest, target)
      return
    }
    await fs.unlink(this.#keys.lease(digest))
    await this.#durable.syncFolder(this.#keys.blobFolder(digest))
    this.#log.error({ digest, why }, 'damaged content was quarantined: push or pull it again')
  }

  /** By link, which never replaces: what was committed meanwhile stays. */
  async #putBack(digest: Digest, taken: string): Promise<void> {
    const { fs } = this.#durable
    await this.#durable.inFolder(this.#keys.blobFolder(digest), async () => {
      await fs.link(taken, this.#keys.data(digest))
    })
    await fs.unlink(taken)
  }

  async commitBytes(digest: Digest, bytes: Uint8Array): Promise<void> {
    const temporary = await this.#durable.writeTemporary(bytes)
    try {
      await commitFile({ keys: this.#keys, durable: this.#durable }, digest, temporary, bytes.length)
    } catch (error) {
      await this.#durable.dropQuietly(temporary)
      throw error
    }
  }
}

/** A link holds its own digest; only for sha512 layers registry:2 writes the sha256 of the bytes. Anything else is damage. */
function mayStandFor(linkage: Linkage, digest: Digest, held: Digest): boolean {
  if (held === digest) return true
  return linkage === 'layer' && algorithmOf(digest) === 'sha512' && algorithmOf(held) === 'sha256'
}

/** Of what is no file the inode alone counts: a folder's time may change when it is moved. */
function isSame(now: FileStat | undefined, then: FileStat): boolean {
  if (now?.inode !== then.inode || now.kind !== then.kind) return false
  return now.kind !== 'file' || (now.sizeBytes === then.sizeBytes && now.mtimeMs === then.mtimeMs)
}
