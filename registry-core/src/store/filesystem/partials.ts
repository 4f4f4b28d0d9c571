import { createHash, type Hash } from 'node:crypto'
import { algorithmOf, type Digest, hexOf } from '../../oci/digest.js'
import { RegistryError } from '../../oci/failure.js'
import type { Identity } from '../../system/identity.js'
import type { Random } from '../../system/random.js'
import type { PartialContent, Partials } from '../fetched.js'
import type { OpenFile } from '../fs.js'
import type { Keys } from '../keys.js'
import type { Space } from '../store.js'
import type { Durable } from './durable.js'
import { PartialFile } from './partial-file.js'
import type { Presence } from './presence.js'
import type { WriteHealth } from './write-health.js'

const COPY_BYTES = 1024 * 1024

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly health: WriteHealth
  readonly random: Random
  readonly identity: Identity
  readonly presence: Presence
  readonly space: Pick<Space, 'requireExpectedStore' | 'reserve'>
}

/** What a download of this process has left: nobody else writes into it, so it goes on where it is. */
interface Kept {
  readonly path: string
  readonly offset: number
  readonly hash: Hash
}

/** A file of a process that is dead. */
interface Left {
  readonly path: string
  readonly sizeBytes: number
}

/**
 * `entrepot/partial/<alg>-<hex>.<process>.<boot>.<random>`: written by that process alone. What a dead process has left
 * is copied, for it may only be frozen, and have an open descriptor; and only within one boot, for nobody knows which
 * of its bytes a power cut took back.
 */
export class FilePartials implements Partials {
  readonly #options: Options
  readonly #kept = new Map<Digest, Kept>()
  /** By path; undefined while it is made. */
  readonly #open = new Map<string, PartialFile | undefined>()

  constructor(options: Options) {
    this.#options = options
  }

  async open(digest: Digest, signal: AbortSignal): Promise<PartialContent> {
    this.#options.space.requireExpectedStore()
    await this.#options.presence.appear()
    const kept = this.#kept.get(digest)
    this.#kept.delete(digest)
    return (kept && (await this.#reopen(digest, kept))) ?? (await this.#begin(digest, signal))
  }

  /** What other downloads still have to write is as good as written. */
  async #reserve(bytes: number): Promise<void> {
    let awaited = bytes
    for (const file of this.#open.values()) awaited += file?.missingBytes ?? 0
    await this.#options.space.reserve(awaited)
  }

  /** Undefined when somebody has removed it. */
  async #reopen(digest: Digest, { path, offset, hash }: Kept): Promise<PartialFile | undefined> {
    const { fs } = this.#options.durable
    const writer = await fs.openToWrite(path)
    if (writer === undefined) return undefined
    if ((await writer.stat()).sizeBytes >= offset) return this.#opened(digest, path, writer, { offset, hash })
    await writer.close()
    return undefined
  }

  async #begin(digest: Digest, signal: AbortSignal): Promise<PartialFile> {
    const { keys, durable, identity, random } = this.#options
    const path = `${keys.partial}/${nameOf(digest)}.${identity.process}.${identity.boot}.${random.hex(4)}`
    const writer = await durable.fs.create(path)
    const hash = createHash(algorithmOf(digest))
    this.#open.set(path, undefined)
    try {
      let offset = 0
      const left = await this.#findLeft(digest)
      if (left !== undefined) {
        offset = await this.#copy(left, writer, hash, signal)
        await durable.fs.unlink(left.path)
      }
      return await this.#opened(digest, path, writer, { offset, hash })
    } catch (error) {
      this.#open.delete(path)
      await writer.close()
      await durable.dropQuietly(path)
      throw error
    }
  }

  async #opened(
    digest: Digest,
    path: string,
    writer: OpenFile,
    begun: { readonly offset: number; readonly hash: Hash },
  ): Promise<PartialFile> {
    const { keys, durable, health } = this.#options
    const reader = await durable.fs.openToRead(path)
    if (reader === undefined) throw new RegistryError('storage-failing', { cause: `${path} has vanished` })
    const ended = (hash: Hash | undefined): void => {
      this.#open.delete(path)
      if (hash !== undefined) this.#kept.set(digest, { path, offset: file.offset, hash })
    }
    const reserve = (bytes: number): Promise<void> => this.#reserve(bytes)
    const parts = { keys, durable, health, reserve, ended }
    const file = new PartialFile({ digest, path, parts, writer, reader, begun })
    this.#open.set(path, file)
    return file
  }

  /** The longest file that a dead process of this boot has left. */
  async #findLeft(digest: Digest): Promise<Left | undefined> {
    const { keys, durable, identity } = this.#options
    let longest: Left | undefined
    for (const { name } of (await durable.fs.list(keys.partial)) ?? []) {
      const { subject, process, boot } = partsOf(name)
      if (subject !== nameOf(digest) || boot !== identity.boot || boot === 'unknown') continue
      if (!this.#isLeft(name, process)) continue
      const path = `${keys.partial}/${name}`
      const sizeBytes = durable.fs.statNow(path)?.sizeBytes ?? 0
      if (sizeBytes > (longest?.sizeBytes ?? 0)) longest = { path, sizeBytes }
    }
    return longest
  }

  /** Nobody goes on with it: its process is dead, or it is a file of ours that no download has open, and no one has kept. */
  #isLeft(name: string, process: string): boolean {
    const { identity, presence, keys } = this.#options
    if (process !== identity.process) return presence.isDead(process)
    const path = `${keys.partial}/${name}`
    return !this.#open.has(path) && this.#kept.values().every((kept) => kept.path !== path)
  }

  async #copy(left: Left, writer: OpenFile, hash: Hash, signal: AbortSignal): Promise<number> {
    const reader = await this.#options.durable.fs.openToRead(left.path)
    if (reader === undefined) return 0
    let offset = 0
    try {
      for (;;) {
        signal.throwIfAborted()
        const block = Buffer.allocUnsafe(Math.min(COPY_BYTES, left.sizeBytes - offset))
        const bytes = block.length === 0 ? 0 : await reader.read(block, offset)
        if (bytes === 0) return offset
        hash.update(block.subarray(0, bytes))
        await writer.write([block.subarray(0, bytes)], offset)
        offset += bytes
      }
    } finally {
      await reader.close()
    }
  }

  async purge(limit: Date, signal: AbortSignal): Promise<number> {
    const { keys, durable } = this.#options
    let purged = 0
    for (const { name } of (await durable.fs.list(keys.partial)) ?? []) {
      signal.throwIfAborted()
      const path = `${keys.partial}/${name}`
      const stat = durable.fs.statNow(path)
      if (stat === undefined || stat.mtimeMs >= limit.getTime()) continue
      for (const [digest, kept] of this.#kept) if (kept.path === path) this.#kept.delete(digest)
      if (!this.#isLeft(name, partsOf(name).process)) continue
      await durable.fs.unlink(path)
      purged += 1
    }
    return purged
  }
}

function nameOf(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest)}`
}

function partsOf(name: string): {
  readonly subject: string
  readonly process: string
  readonly boot: string
} {
  const [subject = '', process = '', boot = ''] = name.split('.')
  return { subject, process, boot }
}
