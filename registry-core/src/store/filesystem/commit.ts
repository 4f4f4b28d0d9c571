import type { Digest } from '../../oci/digest.js'
import { RegistryError } from '../../oci/failure.js'
import type { Keys } from '../keys.js'
import type { Durable } from './durable.js'

/**
 * gc-protocol §4, commit of a blob whose bytes were hashed and synced under a temporary name: lease, rename to
 * `data`, fsync of the folder, lease looked at again. Present bytes of the right size are kept; others are replaced.
 * @throws RegistryError `storage-failing` when the bytes were taken away between the rename and the sync
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
  let isMoved = false
  await durable.inFolder(keys.blobFolder(digest), async () => {
    const present = fs.statNow(data)
    const isPresent = present?.kind === 'file' && present.sizeBytes === sizeBytes
    // A repetition after the rename: the temporary name is gone, so all depends on what stands in its place.
    if (isMoved && isPresent) return
    if (isMoved)
      throw new RegistryError('storage-failing', {
        cause: `the blob ${digest} vanished after it was written`,
      })
    // Without a lease the present bytes were never hashed here (registry:2 wrote them): ours replace them first,
    // so that at no moment a lease vouches for theirs. Data without a lease is never condemned.
    const isOurs = present === undefined || fs.statNow(lease) !== undefined
    if (isOurs) durable.makeEmpty(lease)
    if (isPresent && isOurs) return
    await durable.replace(temporary, data)
    isMoved = true
  })
  // Not before: a repetition may find the present bytes gone, and needs ours then.
  if (!isMoved) await fs.unlink(temporary)
  if (fs.statNow(lease) === undefined) durable.makeEmpty(lease)
}
