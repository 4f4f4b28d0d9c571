import { type Identity, pidOf } from '../../../system/identity.js'
import { errorCode, type Fs } from '../../fs.js'
import type { Keys } from '../../keys.js'
import type { Durable } from '../durable.js'
import { linkOrCreate } from '../link-or-create.js'

const LIMIT_BYTES = 256

/**
 * On a file system that failed the self-test two processes are not safe: the first one that starts is the only one.
 * What a dead process, another boot, or one with our own number has left is taken over (in a container every process
 * has the same number, so that a killed one would stand for its successor). Answers what gives the place up.
 * @throws an error that names the other process
 */
export async function becomeOnlyWriter(
  { keys, durable, identity }: { keys: Keys; durable: Durable; identity: Identity },
  faults: readonly string[],
): Promise<() => Promise<void>> {
  const { fs } = durable
  const path = `${keys.own}/only-writer`
  const own = Buffer.from(`${identity.process} ${identity.boot}`)
  const temporary = await durable.writeTemporary(own)
  const aside = durable.temporaryName()
  try {
    for (;;) {
      await linkOrCreate(fs, temporary, path, own)
      // Read back: another starter may have taken it for a stale one that it had read just before.
      const held = fs.readNow(path, LIMIT_BYTES)
      if (held?.equals(own)) break
      if (held === undefined) continue
      const pid = findHolder(fs, held, identity)
      if (pid !== undefined)
        throw new Error(
          `process ${pid} serves this store already, and its file system is not safe for two: ${faults.join('; ')}; stop that process, or move the store to a local disk`,
        )
      await removeStale(fs, path, held, aside)
    }
  } finally {
    await durable.dropQuietly(temporary)
  }
  return async () => {
    if (fs.readNow(path, LIMIT_BYTES)?.equals(own)) await fs.unlink(path)
  }
}

/** The number of the live process that the file names. */
function findHolder(fs: Fs, held: Buffer, { process, boot }: Identity): string | undefined {
  const [holder = '', itsBoot] = held.toString().split(' ')
  const pid = pidOf(holder)
  if (itsBoot !== boot || pid === pidOf(process)) return undefined
  return fs.statNow(`/proc/${pid}`) === undefined ? undefined : pid
}

/** Two starters may have read the same stale file: who moves the other's fresh one away gives it back. */
async function removeStale(fs: Fs, path: string, stale: Buffer, aside: string): Promise<void> {
  try {
    await fs.rename(path, aside)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  const taken = fs.readNow(aside, LIMIT_BYTES)
  if (taken !== undefined && !taken.equals(stale)) await linkOrCreate(fs, aside, path, taken)
  await fs.unlink(aside)
}
