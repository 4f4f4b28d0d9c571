import type { Digest } from '../../oci/digest.js'
import type { Keys } from '../keys.js'
import type { Durable } from './durable.js'

/**
 * gc-protocol §4, commit of a blob whose bytes were hashed and synced under a temporary name: lease, rename to
 * `data`, fsync of the folder, lease looked at again. Present bytes of the right size are kept; others are replaced.
 */
export async function commitFile(
  { keys, durable }: { keys: Keys; durable: Durable },
  digest: Digest,
  temporary: string,
  sizeBytes: number,
): Promise<void> {
  const { fs } = durable
  const data = keys.data(digest)
  const lease = keys.lease(digest)
  await durable.inFolder(keys.blobFolder(digest), async () => {
    const present = fs.statNow(data)
    const isPresent = present?.kind === 'file' && present.sizeBytes === sizeBytes
    // Without a lease the present bytes were never hashed here (registry:2 wrote them): ours replace them first,
    // so that at no moment a lease vouches for theirs. Data without a lease is never condemned.
    const isOurs = present === undefined || fs.statNow(lease) !== undefined
    if (isOurs) durable.makeEmpty(lease)
    if (isPresent && isOurs) await fs.unlink(temporary)
    else await durable.replace(temporary, data)
  })
  if (fs.statNow(lease) === undefined) durable.makeEmpty(lease)
}
