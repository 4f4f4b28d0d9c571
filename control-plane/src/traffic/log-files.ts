import type { BigIntStats } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../system/error-code.js'

/** How far each file of a log was read, by what the file system calls the file: its name changes. */
export type Bookmarks = Readonly<Record<string, number>>

/** Which log, and how much of what was there before us. */
export interface LogFilesOptions {
  readonly folder: string
  /** `access.log`; `access.log.1` is the one before it. */
  readonly name: string
  /** Without bookmarks, so many bytes at most of each file that is there already, from its end. */
  readonly mostBytes: number
}

/** What was read, and whether that was all there was when it began. */
export interface LogPart {
  readonly bytes: number
  readonly isAll: boolean
}

const PIECE_BYTES = 256 * 1024
/** Longer than any line of nginx's, which has sizes for what clients may make long; before, a line had 440 KiB at most. */
const LONGEST_LINE_BYTES = 512 * 1024
const NEWLINE = 0x0a

/** A log that is written by others and rotated by renaming: each line is read once, also those that come late into an older file. */
export class LogFiles {
  readonly #options: LogFilesOptions
  #bookmarks: Map<string, number>
  /** Nothing was ever read. */
  #isFirst: boolean

  constructor(options: LogFilesOptions, bookmarks: Bookmarks = {}) {
    this.#options = options
    this.#bookmarks = new Map(Object.entries(bookmarks))
    this.#isFirst = this.#bookmarks.size === 0
  }

  get bookmarks(): Bookmarks {
    return Object.fromEntries(this.#bookmarks)
  }

  /**
   * Reads what is new, the oldest file first, and of that no more than was there when it began: a log may grow faster than
   * anybody reads. So many bytes at a time are more than a line.
   */
  async read(take: (line: string) => void, mostBytes: number): Promise<LogPart> {
    const before = this.#bookmarks
    const found = new Map<string, number>()
    let bytes = 0
    let isAll = true
    for (const file of await this.#files()) {
      const handle = await openIfThere(file)
      if (handle === undefined) continue
      await using reading = handle
      const now = await reading.stat({ bigint: true })
      const from = this.#start(now, before.get(idOf(now)))
      const until = Math.min(Number(now.size), Math.abs(from) + mostBytes - bytes)
      isAll &&= until === Number(now.size)
      const end = await readLines(reading, { from, until }, take)
      found.set(idOf(now), end)
      bytes += end - Math.abs(from)
    }
    this.#bookmarks = found
    this.#isFirst = false
    return { bytes, isAll }
  }

  /** A file is about to be removed: another one may be given its number. Answers how many bytes of it nobody has read. */
  async forget(name: string): Promise<number> {
    const found = await statIfThere(path.join(this.#options.folder, name))
    if (found === undefined) return 0
    const from = this.#start(found, this.#bookmarks.get(idOf(found)))
    this.#bookmarks.delete(idOf(found))
    return Number(found.size) - Math.abs(from)
  }

  /** Negative: the line there began before, and is left out. */
  #start({ size }: BigIntStats, bookmark: number | undefined): number {
    const bytes = Number(size)
    if (bookmark !== undefined) return bookmark > bytes ? 0 : bookmark // somebody has emptied it
    return this.#isFirst ? -Math.max(0, bytes - this.#options.mostBytes) : 0
  }

  async #files(): Promise<readonly string[]> {
    const { folder, name } = this.#options
    const numbers = (await namesIn(folder)).flatMap((each) => {
      if (each === name) return 0
      const [, number] = each.startsWith(`${name}.`) ? (/\.(\d{1,3})$/.exec(each) ?? []) : []
      return number === undefined ? [] : Number(number)
    })
    return numbers
      .toSorted((one, other) => other - one)
      .map((number) => path.join(folder, number === 0 ? name : `${name}.${number}`))
  }
}

/** Answers where the last whole line ends. */
async function readLines(
  handle: FileHandle,
  { from, until }: { readonly from: number; readonly until: number },
  take: (line: string) => void,
): Promise<number> {
  let isCut = from < 0
  let at = Math.abs(from)
  let rest = Buffer.alloc(0)
  for (;;) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES)
    const next = at + rest.length
    const { bytesRead } = await handle.read(piece, 0, Math.min(PIECE_BYTES, until - next), next)
    if (bytesRead === 0) return at
    const bytes = Buffer.concat([rest, piece.subarray(0, bytesRead)])
    const end = bytes.lastIndexOf(NEWLINE) + 1
    const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
    for (const line of isCut ? lines.slice(1) : lines) take(line)
    if (end > 0) isCut = false
    const isTooLong = bytes.length - end > LONGEST_LINE_BYTES
    if (isTooLong) isCut = true
    at += isTooLong ? bytes.length : end
    rest = isTooLong ? Buffer.alloc(0) : bytes.subarray(end)
  }
}

function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  return unlessMissing(open(file, 'r'))
}

async function statIfThere(file: string): Promise<BigIntStats | undefined> {
  return unlessMissing(stat(file, { bigint: true }))
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await unlessMissing(readdir(folder))) ?? []
}

async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
