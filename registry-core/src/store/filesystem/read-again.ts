import { errorCode, type Fs } from '../fs.js'

/**
 * The whole of a small file. A read that fails with EIO is tried once more: what is called damaged after it is taken
 * away or not answered, and a disk may fail once (a cable, a controller's reset) without having lost a byte.
 */
export function readAgainNow(fs: Fs, path: string, limitBytes: number): Buffer | undefined {
  try {
    return fs.readNow(path, limitBytes)
  } catch (error) {
    if (errorCode(error) !== 'EIO') throw error
    return fs.readNow(path, limitBytes)
  }
}

/**
 * The same, but what is no small regular file (a symbolic link, a pipe, a folder), or cannot be read, is as empty: no
 * file of the store is, so every reader takes that for damage. Nobody but a fault or an attack made it.
 */
export function readDamagedAsEmptyNow(fs: Fs, path: string, limitBytes: number): Buffer | undefined {
  try {
    return readAgainNow(fs, path, limitBytes)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EFBIG' || code === 'EINVAL' || code === 'EIO') return Buffer.alloc(0)
    throw error
  }
}
