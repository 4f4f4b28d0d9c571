import type { Clock } from '../../system/clock.js'
import type { Fs } from '../fs.js'

/** A folder that changed so recently may change again within the same tick of the file system's clock. */
const SETTLED_AFTER_MS = 100
/** Names kept over all folders; the least recently used folder goes first. */
const NAMES_LIMIT = 2_000_000

interface Kept {
  readonly mtimeMs: number
  readonly inode: number
  readonly names: readonly string[]
}

/**
 * The folders inside a folder, sorted by byte, read again only when the folder's mtime says so: pages of a long
 * listing neither read nor sort it anew. It never answers whether something exists.
 */
export class Listings {
  readonly #fs: Fs
  readonly #clock: Clock
  readonly #kept = new Map<string, Kept>()
  #names = 0

  constructor(options: { fs: Fs; clock: Clock }) {
    this.#fs = options.fs
    this.#clock = options.clock
  }

  /** Undefined when the folder is absent. */
  async folders(path: string): Promise<readonly string[] | undefined> {
    const stat = this.#fs.statNow(path)
    if (stat === undefined) {
      this.#drop(path)
      return undefined
    }
    const kept = this.#kept.get(path)
    if (kept?.mtimeMs === stat.mtimeMs && kept.inode === stat.inode) {
      this.#kept.delete(path)
      this.#kept.set(path, kept)
      return kept.names
    }
    const readAtMs = this.#clock.now().getTime()
    const entries = (await this.#fs.list(path)) ?? []
    const names = entries.filter(({ kind }) => kind === 'directory').map(({ name }) => name)
    names.sort(byByte)
    this.#drop(path)
    if (Math.abs(readAtMs - stat.mtimeMs) > SETTLED_AFTER_MS) this.#keep(path, { ...stat, names })
    return names
  }

  #keep(path: string, kept: Kept): void {
    this.#kept.set(path, { mtimeMs: kept.mtimeMs, inode: kept.inode, names: kept.names })
    this.#names += kept.names.length
    for (const oldest of this.#kept.keys()) {
      if (this.#names <= NAMES_LIMIT) break
      this.#drop(oldest)
    }
  }

  #drop(path: string): void {
    this.#names -= this.#kept.get(path)?.names.length ?? 0
    this.#kept.delete(path)
  }
}

/** Names are ASCII here, so UTF-16 order is byte order. */
export function byByte(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The index of the first name that is greater than `last`, in a sorted list. */
export function firstAfter(sorted: readonly string[], last: string | undefined): number {
  if (last === undefined) return 0
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? '') <= last) low = middle + 1
    else high = middle
  }
  return low
}
