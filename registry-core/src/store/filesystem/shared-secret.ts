import { dirname } from 'node:path'
import type { Keys } from '../keys.js'
import type { SharedSecret } from '../store.js'
import type { Durable } from './durable.js'
import { linkOrCreate } from './link-or-create.js'

const LIMIT_BYTES = 64 * 1024

/** `entrepot/secret`: one file, for its owner alone from its first byte on, and whole whenever it is read. */
export function openSharedSecret({
  keys,
  durable,
}: {
  readonly keys: Keys
  readonly durable: Durable
}): SharedSecret {
  const { fs } = durable
  const path = keys.secret
  return {
    read: () => fs.readNow(path, LIMIT_BYTES),
    async create(bytes) {
      const temporary = await durable.writeTemporary(bytes, undefined, 'private')
      try {
        return (await linkOrCreate(fs, temporary, path, bytes, 'private')) === 'linked'
      } finally {
        await durable.dropQuietly(temporary)
        await durable.syncFolder(dirname(path))
      }
    },
    async replace(bytes) {
      const temporary = await durable.writeTemporary(bytes, undefined, 'private')
      try {
        await durable.moveIn(temporary, path)
      } catch (error) {
        await durable.dropQuietly(temporary)
        throw error
      }
    },
  }
}
