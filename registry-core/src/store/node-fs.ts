import fs, { constants, type BigIntStats, type Stats } from 'node:fs'
import { type FileHandle, link, mkdir, open, readdir, rename, rmdir, statfs, unlink } from 'node:fs/promises'
import type { EntryKind, FileStat, FolderEntry, Fs, OpenFile } from './fs.js'
import { errorCode } from './fs.js'

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const WRITE = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK
const CREATE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW

/** The real file system. */
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
  openToRead: (path) => openExisting(path, READ),
  openToWrite: (path) => openExisting(path, WRITE),
  create: async (path) => new NodeFile(await open(path, CREATE, 0o644)),
  openToAppend: async (path) => new NodeFile(await open(path, APPEND, 0o644)),
  async makeDirectory(path) {
    return (await codeAsAnswer(mkdir(path, 0o755), 'EEXIST')) !== 'EEXIST'
  },
  rename,
  async link(from, to) {
    return (await codeAsAnswer(link(from, to), 'EEXIST')) === 'EEXIST' ? 'exists' : 'linked'
  },
  async unlink(path) {
    return (await codeAsAnswer(unlink(path), 'ENOENT', 'ENOTDIR')) === undefined
  },
  async removeDirectory(path) {
    const code = await codeAsAnswer(rmdir(path), 'ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST')
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
    await using handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
    await handle.sync()
  },
  async space(path) {
    const { bsize, blocks, bavail, files, ffree } = await statfs(path)
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize, totalInodes: files, freeInodes: ffree }
  },
}

class NodeFile implements OpenFile {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let done = 0
    while (done < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, done, buffer.length - done, position + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return done
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let rest = buffers
    let at = position
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest, at)
      at += bytesWritten
      rest = withoutFirst(rest, bytesWritten)
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#handle.truncate(sizeBytes)
  }

  sync(): Promise<void> {
    return this.#handle.sync()
  }

  async stat(): Promise<FileStat> {
    return toFileStat(await this.#handle.stat())
  }

  close(): Promise<void> {
    return this.#handle.close()
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

async function openExisting(path: string, flags: number): Promise<OpenFile | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path, flags)
  } catch (error) {
    if (isAbsence(error)) return undefined
    if (errorCode(error) === 'ELOOP' || errorCode(error) === 'ENXIO') throw notRegular(path, error)
    throw error
  }
  if ((await handle.stat()).isFile()) return new NodeFile(handle)
  await handle.close()
  throw notRegular(path)
}

function readRegularNow(path: string, limitBytes: number): Buffer {
  const descriptor = openNow(path)
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
    if (bytes.length > 0) fs.writeSync(descriptor, bytes)
  } finally {
    fs.closeSync(descriptor)
  }
  return true
}

function openNow(path: string): number {
  try {
    return fs.openSync(path, READ)
  } catch (error) {
    if (errorCode(error) === 'ELOOP') throw notRegular(path, error)
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
async function codeAsAnswer(
  call: Promise<unknown>,
  ...expected: readonly string[]
): Promise<string | undefined> {
  try {
    await call
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
