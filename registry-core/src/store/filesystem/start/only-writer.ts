import type { Identity } from '../../../system/identity.js'
import { errorCode } from '../../fs.js'
import type { Keys } from '../../keys.js'
import type { Durable } from '../durable.js'

const LIMIT_BYTES = 256

/**
 * On a file system that failed the self-test two processes are not safe: the first one that starts is the only one.
 * What a dead process or another boot has left is taken over. Answers what gives the place up.
 * @throws an error that names the other process
 */
export async function becomeOnlyWriter(
  { keys, durable, identity }: { keys: Keys; durable: Durable; identity: Identity },
  faults: readonly string[],
): Promise<() => Promise<void>> {
  const { fs } = durable
  const path = `${keys.own}/only-writer`
  const own = `${identity.process} ${identity.boot}`
  const temporary = await durable.writeTemporary(Buffer.from(own))
  try {
    for (;;) {
      if ((await link(durable, temporary, path)) === 'linked') break
      const [holder = '', boot] = (fs.readNow(path, LIMIT_BYTES)?.toString() ?? '').split(' ')
      const pid = holder.split('-', 1).join('')
      if (boot === identity.boot && fs.statNow(`/proc/${pid}`) !== undefined)
        throw new Error(
          `process ${pid} serves this store already, and its file system is not safe for two: ${faults.join('; ')}; stop that process, or move the store to a local disk`,
        )
      await fs.unlink(path)
    }
  } finally {
    await fs.unlink(temporary)
  }
  return async () => {
    if (fs.readNow(path, LIMIT_BYTES)?.toString() === own) await fs.unlink(path)
  }
}

/** A file system without links gets a file made by O_EXCL. */
async function link(durable: Durable, temporary: string, path: string): Promise<'linked' | 'exists'> {
  try {
    return await durable.fs.link(temporary, path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw error
  }
  try {
    const file = await durable.fs.create(path)
    const bytes = durable.fs.readNow(temporary, LIMIT_BYTES)
    try {
      if (bytes !== undefined) await file.write([bytes], 0)
    } finally {
      await file.close()
    }
    return 'linked'
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return 'exists'
    throw error
  }
}
