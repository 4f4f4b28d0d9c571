import { errorCode, type Fs } from '../fs.js'

/** What file systems without a second name for a file answer (some network, FUSE and FAT mounts). */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/**
 * Gives the synced small file under `temporary` its name, never replacing; where there are no links, makes a file with
 * the same bytes by O_EXCL. The temporary stays.
 */
export async function linkOrCreate(
  fs: Fs,
  temporary: string,
  path: string,
  bytes: Uint8Array,
  access?: 'private',
): Promise<'linked' | 'exists'> {
  try {
    return await fs.link(temporary, path)
  } catch (error) {
    if (!NO_LINKS.has(errorCode(error) ?? '')) throw error
  }
  return create(fs, path, bytes, access)
}

async function create(
  fs: Fs,
  path: string,
  bytes: Uint8Array,
  access?: 'private',
): Promise<'linked' | 'exists'> {
  try {
    const file = await fs.create(path, access)
    try {
      await file.write([bytes], 0)
      await file.sync()
    } finally {
      await file.close()
    }
    return 'linked'
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return 'exists'
    throw error
  }
}
