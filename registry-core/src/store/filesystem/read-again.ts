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
