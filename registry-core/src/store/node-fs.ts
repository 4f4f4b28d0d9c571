import fs, { constants, type BigIntStats, type Stats } from 'node:fs'
import { rename, readdir, unlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { EntryKind, FileStat, FolderEntry, Fs, OpenFile } from './fs.js'
import { errorCode } from './fs.js'

const read = promisify(fs.read)
const writev = promisify(fs.writev)
const fsync = promisify(fs.fsync)
const ftruncate = promisify(fs.ftruncate)

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const WRITE = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK
const CREATE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW

/** Freeing the blocks of a larger file takes long enough to be done beside the event loop. */
const LARGE_BYTES = 1024 * 1024

/**
 * The real file system. What only touches names and takes microseconds in the page cache is called at once, although
 * it answers a promise: on its way through the thread pool it would cost several times as much, and stand behind
 * slow fsyncs. Content, fsync, listings and the freeing of large files go through the pool.
 */
export const nodeFs: Fs = {
  statNow(path) {
    const stat = absentAsUndefined(() => fs.lstatSync(path, { throwIfNoEntry: false }))
    return stat && toFileStat(stat)
  },
  readNow: (path, limitBytes) => absentAsUndefined(() => readRegularNow(path, limitBytes)),
  touchNow(path, time) {
    return absentAsUndefined(() => fs.lutimesSync(path, time, time) ?? true) ?? false
  },
  createNow: (path, bytes) => createSmallNow(path, bytes),
  renameNow: (from, to) => fs.renameSync(from, to),
  unlinkNow(path) {
    return absentAsUndefined(() => fs.unlinkSync(path) ?? true) ?? false
  },
  openToRead: async (path) => openExisting(path, READ),
  openToWrite: async (path) => openExisting(path, WRITE),
  create: async (path, access) =>
    new NodeFile(fs.openSync(path, CREATE, access === 'private' ? 0o600 : 0o644)),
  openToAppend: async (path) => new NodeFile(fs.openSync(path, APPEND, 0o644)),
  async makeDirectory(path) {
    return codeAsAnswer(() => fs.mkdirSync(path, 0o755), 'EEXIST') !== 'EEXIST'
  },
  async rename(from, to) {
    if (isLarge(to)) await rename(from, to)
    else fs.renameSync(from, to)
  },
  async link(from, to) {
    return codeAsAnswer(() => fs.linkSync(from, to), 'EEXIST') === 'EEXIST' ? 'exists' : 'linked'
  },
  async unlink(path) {
    if (!isLarge(path)) return nodeFs.unlinkNow(path)
    try {
      await unlink(path)
      return true
    } catch (error) {
      if (isAbsence(error)) return false
      throw error
    }
  },
  async removeDirectory(path) {
    const code = codeAsAnswer(() => fs.rmdirSync(path), 'ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST')
    if (code === undefined) return 'removed'
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'absent' : 'not-empty'
  },
  async list(path) {
    try {
      const entries = await readdir(path, { withFileTypes: true })
      return entries.map((entry): FolderEntry => ({ name: entry.name, kind: kindOf(entry) }))
    } catch (error) {
      if (isAbsence(error)) return undefined
      throw error
    }
  },
  async syncDirectory(path) {
    const descriptor = fs.openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await fsync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
  },
  async space(path) {
    const { bsize, blocks, bavail, files, ffree } = fs.statfsSync(path)
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize, totalInodes: files, freeInodes: ffree }
  },
}

function isLarge(path: string): boolean {
  return (nodeFs.statNow(path)?.sizeBytes ?? 0) > LARGE_BYTES
}

/** No file: a number that was closed may be another file's by now. */
const CLOSED = -1

class NodeFile implements OpenFile {
  #descriptor: number

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let done = 0
    while (done < buffer.length) {
      const { bytesRead } = await read(this.#descriptor, buffer, done, buffer.length - done, position + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return done
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let rest = buffers
    let at = position
    while (rest.length > 0) {
      const { bytesWritten } = await writev(this.#descriptor, rest, at)
      at += bytesWritten
      rest = withoutFirst(rest, bytesWritten)
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    return ftruncate(this.#descriptor, sizeBytes)
  }

  sync(): Promise<void> {
    return fsync(this.#descriptor)
  }

  async stat(): Promise<FileStat> {
    return toFileStat(fs.fstatSync(this.#descriptor))
  }

  async close(): Promise<void> {
    const descriptor = this.#descriptor
    this.#descriptor = CLOSED
    if (descriptor !== CLOSED) fs.closeSync(descriptor)
  }
}

/** What is left of the buffers when the first `bytes` have been written (writev may write less than asked). */
function withoutFirst(buffers: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes
  let index = 0
  for (const buffer of buffers) {
    if (left < buffer.length) break
    left -= buffer.length
    index += 1
  }
  const [first, ...others] = buffers.slice(index)
  return first === undefined ? [] : left === 0 ? [first, ...others] : [first.subarray(left), ...others]
}

function openExisting(path: string, flags: number): OpenFile | undefined {
  const descriptor = absentAsUndefined(() => openNow(path, flags))
  if (descriptor === undefined) return undefined
  if (fs.fstatSync(descriptor).isFile()) return new NodeFile(descriptor)
  fs.closeSync(descriptor)
  throw notRegular(path)
}

function readRegularNow(path: string, limitBytes: number): Buffer {
  const descriptor = openNow(path, READ)
  try {
    const stat = fs.fstatSync(descriptor)
    if (!stat.isFile()) throw notRegular(path)
    if (stat.size > limitBytes)
      throw Object.assign(new Error(`${path} is larger than ${limitBytes}`), { code: 'EFBIG' })
    const buffer = Buffer.allocUnsafe(stat.size)
    const bytes = stat.size === 0 ? 0 : fs.readSync(descriptor, buffer, 0, stat.size, 0)
    return buffer.subarray(0, bytes)
  } finally {
    fs.closeSync(descriptor)
  }
}

function createSmallNow(path: string, bytes: Uint8Array): boolean {
  let descriptor: number
  try {
    descriptor = fs.openSync(path, CREATE, 0o644)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
  try {
    for (let done = 0; done < bytes.length; )
      done += fs.writeSync(descriptor, bytes, done, bytes.length - done, done)
  } finally {
    fs.closeSync(descriptor)
  }
  return true
}

function openNow(path: string, flags: number): number {
  try {
    return fs.openSync(path, flags)
  } catch (error) {
    if (errorCode(error) === 'ELOOP' || errorCode(error) === 'ENXIO') throw notRegular(path, error)
    throw error
  }
}

function notRegular(path: string, cause?: unknown): Error {
  return Object.assign(new Error(`${path} is not a regular file`, { cause }), { code: 'EINVAL' })
}

function isAbsence(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function absentAsUndefined<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}

/** Undefined when the call succeeds, the code when it fails with one of those expected. */
function codeAsAnswer(call: () => void, ...expected: readonly string[]): string | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    const code = errorCode(error)
    if (code !== undefined && expected.includes(code)) return code
    throw error
  }
}

function toFileStat(stat: Stats): FileStat {
  return {
    kind: kindOf(stat),
    sizeBytes: stat.size,
    mtimeMs: stat.mtimeMs,
    inode: stat.ino,
    device: stat.dev,
  }
}

function kindOf(entry: Pick<Stats | BigIntStats, 'isFile' | 'isDirectory'>): EntryKind {
  if (entry.isFile()) return 'file'
  return entry.isDirectory() ? 'directory' : 'other'
}
