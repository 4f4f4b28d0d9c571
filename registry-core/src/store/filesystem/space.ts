import { RegistryError } from '../../oci/failure.js'
import { type Keys, SHARDS } from '../keys.js'
import type { Space } from '../store.js'
import type { Durable } from './durable.js'
import { removeTree } from './remove-tree.js'
import type { WriteHealth } from './write-health.js'

/** Kept free so that links, records and journals of what is under way still fit: 1 % of the disk, at most this. */
const RESERVE_MAX_BYTES = 256 * 1024 * 1024
const RESERVE_PART = 0.01

/** Room on the disk that the store lies on. */
export class FileSpace implements Space {
  readonly #keys: Keys
  readonly #durable: Durable
  readonly #health: WriteHealth
  readonly #reserveBytes: number | undefined
  readonly #mismatch: string | undefined

  constructor(options: {
    keys: Keys
    durable: Durable
    health: WriteHealth
    reserveBytes: number | undefined
    /** Why this is not the store that the configuration names; undefined when it is. */
    mismatch: string | undefined
  }) {
    this.#keys = options.keys
    this.#durable = options.durable
    this.#health = options.health
    this.#reserveBytes = options.reserveBytes
    this.#mismatch = options.mismatch
  }

  requireExpectedStore(): void {
    if (this.#mismatch !== undefined) throw new RegistryError('store-refused', { why: this.#mismatch })
  }

  async reserve(bytes: number): Promise<void> {
    this.requireExpectedStore()
    await this.#health.check(() => this.#probe())
    const { totalBytes, freeBytes, totalInodes, freeInodes } = await this.#durable.fs.space(this.#keys.own)
    const reserveBytes = this.#reserveBytes ?? Math.min(RESERVE_MAX_BYTES, totalBytes * RESERVE_PART)
    const neededBytes = Math.ceil(bytes + reserveBytes)
    if (freeBytes < neededBytes || (totalInodes > 0 && freeInodes === 0))
      throw new RegistryError('storage-full', { freeBytes, neededBytes })
  }

  async freeBytes(): Promise<number> {
    return (await this.#durable.fs.space(this.#keys.own)).freeBytes
  }

  async purgeTemporary(limit: Date, signal: AbortSignal): Promise<number> {
    let purged = await this.#purgeFolder(this.#keys.temporary, limit, signal)
    for (const shard of SHARDS)
      purged += await this.#purgeFolder(`${this.#keys.own}/takes/${shard}`, limit, signal)
    return purged
  }

  async #purgeFolder(folder: string, limit: Date, signal: AbortSignal): Promise<number> {
    const { fs } = this.#durable
    signal.throwIfAborted()
    let purged = 0
    for (const { name, kind } of (await fs.list(folder)) ?? []) {
      signal.throwIfAborted()
      const path = `${folder}/${name}`
      const stat = fs.statNow(path)
      if (stat === undefined || stat.mtimeMs >= limit.getTime()) continue
      if (kind === 'directory') await removeTree(fs, path)
      else await fs.unlink(path)
      purged += 1
    }
    return purged
  }

  async probeWrites(): Promise<void> {
    if (this.#mismatch !== undefined) return
    await this.#health.probe(() => (this.#health.cause === undefined ? this.#touch() : this.#probe()))
  }

  /** While all is well a name is enough: no fsync that others would wait behind. */
  async #touch(): Promise<void> {
    const path = this.#durable.temporaryName()
    const file = await this.#durable.fs.create(path)
    await file.close()
    await this.#durable.fs.unlink(path)
  }

  async #probe(): Promise<void> {
    await this.#durable.fs.unlink(await this.#durable.writeTemporary(Buffer.from('probe')))
  }
}
