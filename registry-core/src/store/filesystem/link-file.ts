import { type Digest, findDigest } from '../../oci/digest.js'
import type { Clock } from '../../system/clock.js'
import type { Log } from '../../system/log.js'
import type { FileStat, Fs } from '../fs.js'
import { readDamagedAsEmptyNow } from './read-again.js'

/** A link holds one digest; anything longer is damage. */
const LINK_LIMIT_BYTES = 256
/**
 * A link is never written in place, so inode and mtime name its content, once it is older than a tick of the file
 * system's clock: from then on another file cannot bear both.
 */
const SETTLED_AFTER_MS = 100
const KEPT_LIMIT = 100_000

interface Kept {
  readonly inode: number
  readonly mtimeMs: number
  readonly digest: Digest
}

/** Reads what links (of layers, revisions, tags) hold. What it keeps never says that a link exists: the caller has just seen it. */
export class LinkReader {
  readonly #fs: Fs
  readonly #clock: Clock
  readonly #log: Log
  readonly #kept = new Map<string, Kept>()

  constructor(options: { fs: Fs; clock: Clock; log: Log }) {
    this.#fs = options.fs
    this.#clock = options.clock
    this.#log = options.log
  }

  /** The digest of a link that was seen with this stat; undefined when it is gone or damaged. */
  read(path: string, { inode, mtimeMs }: FileStat): Digest | undefined {
    const kept = this.#kept.get(path)
    if (kept?.inode === inode && kept.mtimeMs === mtimeMs) return kept.digest
    const text = readDamagedAsEmptyNow(this.#fs, path, LINK_LIMIT_BYTES)?.toString('latin1')
    if (text === undefined) return undefined
    const digest = findDigest(text.trim())
    if (digest === undefined) this.#log.warn({ path }, 'a damaged link was found: push its content again')
    else if (this.#clock.now().getTime() - mtimeMs > SETTLED_AFTER_MS)
      this.#keep(path, inode, mtimeMs, digest)
    return digest
  }

  /** Between the stat and the reading the link may have been replaced: only what both agree on is kept. */
  #keep(path: string, inode: number, mtimeMs: number, digest: Digest): void {
    const now = this.#fs.statNow(path)
    if (now?.inode !== inode || now.mtimeMs !== mtimeMs) return
    if (this.#kept.size >= KEPT_LIMIT) this.#kept.clear()
    this.#kept.set(path, { inode, mtimeMs, digest })
  }
}
