import type { Clock } from '../../system/clock.js'
import type { FileStat, Fs } from '../fs.js'

/**
 * A small file here is replaced, and never written in place: so inode and mtime name its content, once it is older than
 * a tick of the file system's clock, since from then on another file cannot bear both.
 */
const SETTLED_AFTER_MS = 100
const KEPT_LIMIT = 100_000

interface Kept<T> {
  readonly inode: number
  readonly mtimeMs: number
  readonly value: T
}

/** What small files say, kept by path. It never says that a file exists: the caller has just seen it. */
export class SettledFiles<T> {
  readonly #fs: Fs
  readonly #clock: Clock
  readonly #kept = new Map<string, Kept<T>>()

  constructor({ fs, clock }: { readonly fs: Fs; readonly clock: Clock }) {
    this.#fs = fs
    this.#clock = clock
  }

  /** What was read when the file had this stat. */
  find(path: string, { inode, mtimeMs }: FileStat): T | undefined {
    const kept = this.#kept.get(path)
    return kept?.inode === inode && kept.mtimeMs === mtimeMs ? kept.value : undefined
  }

  /** Between the stat and the reading the file may have been replaced: only what both agree on is kept. */
  keep(path: string, { inode, mtimeMs }: FileStat, value: T): void {
    if (this.#clock.now().getTime() - mtimeMs <= SETTLED_AFTER_MS) return
    const now = this.#fs.statNow(path)
    if (now?.inode !== inode || now.mtimeMs !== mtimeMs) return
    if (this.#kept.size >= KEPT_LIMIT) this.#kept.clear()
    this.#kept.set(path, { inode, mtimeMs, value })
  }
}
