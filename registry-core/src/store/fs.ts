/**
 * Every system call that the store makes. Methods that end in `Now` are synchronous: the checks before a promise
 * must not stand in the thread pool's queue behind slow fsyncs (design §4), and what takes microseconds in the page
 * cache (a session's small files, an empty lease) costs several times as much on its way through the pool. "Absent" means ENOENT or ENOTDIR and is
 * an answer; every other error is thrown with its `code`. Symbolic links are never followed.
 */
export interface Fs {
  /** lstat; undefined when absent. */
  statNow(path: string): FileStat | undefined
  /** The whole of a small regular file; undefined when absent. @throws code `EFBIG` over the limit, `EINVAL` when not a regular file */
  readNow(path: string, limitBytes: number): Buffer | undefined
  /** Sets both times; false when absent. */
  touchNow(path: string, time: Date): boolean
  /** Makes a small file with these bytes; false when it is there already. @throws code `ENOENT` (no folder) */
  createNow(path: string, bytes: Uint8Array): boolean
  /** As `rename`, for small files. */
  renameNow(from: string, to: string): void
  /** As `unlink`, for small files: freeing a large one takes long. */
  unlinkNow(path: string): boolean

  /** Opens a regular file to read; undefined when absent. @throws code `EINVAL` when it is not a regular file */
  openToRead(path: string): Promise<OpenFile | undefined>
  /**
   * Makes a file that must not exist yet, to write and read; `private`: for the registry's own user alone.
   * @throws code `EEXIST`, `ENOENT` (no folder)
   */
  create(path: string, access?: 'private'): Promise<OpenFile>
  /** Opens an existing regular file to write and read; undefined when absent. */
  openToWrite(path: string): Promise<OpenFile | undefined>
  /** Opens, or makes, a file whose writes all go to its end. */
  openToAppend(path: string): Promise<OpenFile>

  /** False when it is there already. @throws code `ENOENT` when the parent is missing */
  makeDirectory(path: string): Promise<boolean>
  /** Replaces `to`. @throws code `ENOENT` when `from` or the folder of `to` is missing */
  rename(from: string, to: string): Promise<void>
  /** A second name; never replaces. @throws code `ENOENT` when `from` or the folder of `to` is missing */
  link(from: string, to: string): Promise<'linked' | 'exists'>
  /** False when absent. */
  unlink(path: string): Promise<boolean>
  removeDirectory(path: string): Promise<'removed' | 'not-empty' | 'absent'>
  /** Names and kinds, unsorted; undefined when absent. */
  list(path: string): Promise<readonly FolderEntry[] | undefined>
  /** fsync of a directory: its entries survive a power cut. */
  syncDirectory(path: string): Promise<void>
  space(path: string): Promise<DiskSpace>
}

export type EntryKind = 'file' | 'directory' | 'other'

export interface FileStat {
  readonly kind: EntryKind
  readonly sizeBytes: number
  readonly mtimeMs: number
  readonly inode: number
  readonly device: number
}

export interface FolderEntry {
  readonly name: string
  readonly kind: EntryKind
}

export interface DiskSpace {
  readonly totalBytes: number
  /** What an ordinary process may still write. */
  readonly freeBytes: number
  readonly totalInodes: number
  readonly freeInodes: number
}

export interface OpenFile {
  /** Fills `buffer` from `position`; answers the bytes read, less than asked only at the end. */
  read(buffer: Uint8Array, position: number): Promise<number>
  /** Writes all bytes of all buffers at `position` (ignored by a file opened to append). */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  /** fsync. After it has failed once the file must not be trusted (its dirty pages are gone). */
  sync(): Promise<void>
  stat(): Promise<FileStat>
  /** Closing twice is closing once; nothing else may be called afterwards. */
  close(): Promise<void>
}

/** Errors of Linux that Node has no name for: it says `UNKNOWN`, or `Unknown system error -122`. */
const UNNAMED: ReadonlyMap<unknown, string> = new Map([
  [-116, 'ESTALE'],
  [-117, 'EUCLEAN'],
  [-122, 'EDQUOT'],
])

/** The system's error code of a failed call, or undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  if (!Error.isError(error) || !('code' in error) || typeof error.code !== 'string') return undefined
  return ('errno' in error ? UNNAMED.get(error.errno) : undefined) ?? error.code
}
