import { dirname } from 'node:path'
import { isDigestOfNothing } from '../../oci/digest.js'
import type { Clock } from '../../system/clock.js'
import { errorCode, type FileStat, type FolderEntry } from '../fs.js'
import type { Keys } from '../keys.js'
import type { StoreObject } from '../store.js'
import type { Durable } from './durable.js'

/** G, the promise window: what was promised stays this long without a root (gc-protocol §1). */
const PROMISE_WINDOW_MS = 24 * 60 * 60 * 1000

/** A trash name that vanishes while we look means that somebody else moves it: look again this often. */
const ROUNDS = 4

export interface Found {
  readonly stat: FileStat
  readonly wasRescued: boolean
}

/**
 * Shards of trash as they were read since a walk began, to read each once for many objects. What is condemned after
 * that is not in them, but then it was in place after the walk began, which is all that a look has to show
 * (gc-protocol §9); hence only for what need not be there, and never longer than one walk.
 */
export type ReadShards = Map<string, readonly FolderEntry[]>

/**
 * gc-protocol §3, the only way to say "exists": in place, else brought back from trash. With `renew` the lease is
 * renewed first; without it nothing but a rescue writes.
 */
export class Looker {
  readonly #keys: Keys
  readonly #durable: Durable
  readonly #clock: Clock

  constructor(options: { keys: Keys; durable: Durable; clock: Clock }) {
    this.#keys = options.keys
    this.#durable = options.durable
    this.#clock = options.clock
  }

  /** Undefined when the object is neither in place nor in trash; synchronous calls only while it is in place. */
  async look(object: StoreObject, renew: boolean, shards?: ReadShards): Promise<Found | undefined> {
    const inPlace = renew ? this.#statRenewed(object) : this.#statWhole(object)
    if (inPlace) return { stat: inPlace, wasRescued: false }
    const rescued = await this.#rescue(object, shards)
    const stat = rescued && renew ? this.#statRenewed(object) : rescued?.stat
    return rescued && stat && { stat, wasRescued: rescued.wasRescued }
  }

  async #rescue(object: StoreObject, shards: ReadShards | undefined): Promise<Found | undefined> {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const { linked, vanished } = await this.#linkBack(object, round === 1 ? shards : undefined)
      const stat = this.#statWhole(object)
      if (stat) return { stat, wasRescued: linked }
      if (!vanished) return undefined
    }
    return undefined
  }

  /** Gives every name in trash of the right size its place back; `link` never replaces something fresh. */
  async #linkBack(
    object: StoreObject,
    shards: ReadShards | undefined,
  ): Promise<{ linked: boolean; vanished: boolean }> {
    const { fs } = this.#durable
    const { folder, hex } = this.#keys.trash(object)
    const names = shards?.get(folder) ?? (await fs.list(folder)) ?? []
    shards?.set(folder, names)
    let linked = false
    let vanished = false
    for (const { name } of names) {
      if (!name.startsWith(`${hex}.`)) continue
      const stat = fs.statNow(`${folder}/${name}`)
      if (stat === undefined) vanished = true
      else if (isWhole(object, stat)) {
        if (await this.#linkOne(`${folder}/${name}`, this.#keys.place(object))) linked = true
        else vanished = true
      }
    }
    return { linked, vanished }
  }

  /** False when the name in trash is gone. */
  async #linkOne(trashName: string, place: string): Promise<boolean> {
    const { fs } = this.#durable
    const folder = dirname(place)
    for (let round = 1; round <= ROUNDS; round += 1) {
      await this.#durable.makeFolder(folder)
      try {
        await fs.link(trashName, place)
        await this.#durable.syncFolder(folder)
        await fs.unlink(trashName)
        return true
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error
        if (fs.statNow(trashName) === undefined) return false
      }
    }
    return false
  }

  /** A lease younger than half the window is left alone: hot content is not written to. No lease file: none is made. */
  #statRenewed(object: StoreObject): FileStat | undefined {
    if (object.kind === 'data') this.#renew(this.#keys.lease(object.digest))
    const stat = this.#statWhole(object)
    // A layer link is its own lease; a revision is renewed by a push alone.
    if (object.kind !== 'layer' || stat === undefined || !this.#isOld(stat)) return stat
    this.#durable.fs.touchNow(this.#keys.place(object), this.#clock.now())
    return this.#statWhole(object)
  }

  #renew(lease: string): void {
    const stat = this.#durable.fs.statNow(lease)
    if (stat !== undefined && this.#isOld(stat)) this.#durable.fs.touchNow(lease, this.#clock.now())
  }

  #isOld(lease: FileStat): boolean {
    return this.#clock.now().getTime() - lease.mtimeMs >= PROMISE_WINDOW_MS / 2
  }

  #statWhole(object: StoreObject): FileStat | undefined {
    const stat = this.#durable.fs.statNow(this.#keys.place(object))
    return stat && isWhole(object, stat) ? stat : undefined
  }
}

/** Nobody knows the size but that only the digest of nothing may have none; a link is never empty. */
export function isWhole(object: StoreObject, stat: FileStat): boolean {
  if (stat.kind !== 'file') return false
  return stat.sizeBytes > 0 || (object.kind === 'data' && isDigestOfNothing(object.digest))
}
