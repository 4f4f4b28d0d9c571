import { type Digest, findDigest, hexOf } from '../../oci/digest.js'
import { MANIFEST_LIMIT_BYTES } from '../../oci/manifest.js'
import { referrerKey } from '../../oci/referrer-key.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Log } from '../../system/log.js'
import type { Keys } from '../keys.js'
import type { Links } from '../store.js'
import type { Durable } from './durable.js'
import { byByte } from './listing.js'
import { readDamagedAsEmptyNow } from './read-again.js'

/**
 * Who refers to a subject: one small file each, in shards, so that 100,000 page in constant memory (gc-protocol §2).
 * An index only: an entry without its revision is not answered, and `reindex` can build it anew.
 */
export class ReferrersIndex {
  readonly #keys: Keys
  readonly #durable: Durable
  readonly #log: Log

  constructor(options: { keys: Keys; durable: Durable; log: Log }) {
    this.#keys = options.keys
    this.#durable = options.durable
    this.#log = options.log
  }

  async add(
    repository: RepositoryName,
    subject: Digest,
    referrer: Digest,
    descriptor: Uint8Array,
  ): Promise<void> {
    await this.#durable.publish(this.#path(repository, subject, referrer), descriptor)
  }

  has(repository: RepositoryName, subject: Digest, referrer: Digest): boolean {
    return this.#durable.fs.statNow(this.#path(repository, subject, referrer)) !== undefined
  }

  async remove(repository: RepositoryName, subject: Digest, referrer: Digest): Promise<void> {
    const { fs } = this.#durable
    const folder = this.#keys.referrers(repository, subject)
    await fs.unlink(this.#path(repository, subject, referrer))
    await fs.removeDirectory(`${folder}/${shardOf(referrer)}`)
    await fs.removeDirectory(folder)
  }

  async *list(
    repository: RepositoryName,
    subject: Digest,
    last: string | undefined,
  ): ReturnType<Links['referrers']> {
    const { fs } = this.#durable
    const folder = this.#keys.referrers(repository, subject)
    const shards = ((await fs.list(folder)) ?? []).map(({ name }) => name).sort(byByte)
    for (const shard of shards) {
      if (last !== undefined && shard < last.slice(0, 2)) continue
      const names = ((await fs.list(`${folder}/${shard}`)) ?? []).map(({ name }) => name).sort(byByte)
      for (const name of names) {
        const key = `${shard}/${name}`
        const referrer = findDigest(name.replace('-', ':'))
        if (referrer === undefined || (last !== undefined && key <= last)) continue
        if (fs.statNow(this.#keys.link('revision', repository, referrer)) === undefined) continue
        const descriptor = this.#read(`${folder}/${shard}/${name}`)
        if (descriptor !== undefined) yield { key, referrer, descriptor }
      }
    }
  }

  /** Undefined when it is gone, or damaged: one entry does not break the list. */
  #read(path: string): Buffer | undefined {
    const descriptor = readDamagedAsEmptyNow(this.#durable.fs, path, MANIFEST_LIMIT_BYTES)
    if (descriptor?.length !== 0) return descriptor
    this.#log.warn({ path }, 'a damaged entry of a referrers list was left out: push the referrer again')
    return undefined
  }

  #path(repository: RepositoryName, subject: Digest, referrer: Digest): string {
    return `${this.#keys.referrers(repository, subject)}/${referrerKey(referrer)}`
  }
}

function shardOf(referrer: Digest): string {
  return hexOf(referrer).slice(0, 2)
}
