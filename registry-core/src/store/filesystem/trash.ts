import { dirname } from 'node:path'
import { ALGORITHMS } from '../../oci/digest.js'
import { errorCode } from '../fs.js'
import { type Keys, SHARDS } from '../keys.js'
import type { StoreObject, Trash, TrashName } from '../store.js'
import type { Durable } from './durable.js'

/** Condemned objects on a file system: a rename each (gc-protocol §7, steps 1, 3 and 4). */
export class FileTrash implements Trash {
  readonly #keys: Keys
  readonly #durable: Durable

  constructor(options: { keys: Keys; durable: Durable }) {
    this.#keys = options.keys
    this.#durable = options.durable
  }

  async condemn(object: StoreObject, runId: string): Promise<boolean> {
    const { folder, hex } = this.#keys.trash(object)
    try {
      await this.#durable.fs.rename(this.#keys.place(object), `${folder}/${hex}.${runId}`)
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  }

  async *list(): AsyncIterable<TrashName> {
    for (const kind of [...ALGORITHMS, 'links'])
      for (const shard of SHARDS) {
        const folder = `${this.#keys.own}/trash/${kind}/${shard}`
        for (const { name } of (await this.#durable.fs.list(folder)) ?? [])
          yield { folder, name, runId: name.slice(name.indexOf('.') + 1) }
      }
  }

  async settle(trashName: TrashName, outcome: 'restore' | 'destroy', object: StoreObject): Promise<void> {
    const { fs } = this.#durable
    const path = `${trashName.folder}/${trashName.name}`
    if (outcome === 'restore') {
      const place = this.#keys.place(object)
      await this.#durable.inFolder(dirname(place), async () => {
        // A name that is gone was rescued, or settled by another collector. A folder that is gone is made again.
        if (fs.statNow(path) !== undefined) await fs.link(path, place)
      })
    }
    await fs.unlink(path)
  }
}
