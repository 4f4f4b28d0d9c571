import { type Digest, findDigest } from '../../oci/digest.js'
import type { Clock } from '../../system/clock.js'
import type { Log } from '../../system/log.js'
import type { FileStat, Fs } from '../fs.js'
import { readDamagedAsEmptyNow } from './read-again.js'
import { SettledFiles } from './settled-files.js'

/** A link holds one digest; anything longer is damage. */
const LINK_LIMIT_BYTES = 256

/** Reads what links (of layers, revisions, tags) hold. */
export class LinkReader {
  readonly #fs: Fs
  readonly #log: Log
  readonly #settled: SettledFiles<Digest>

  constructor(options: { fs: Fs; clock: Clock; log: Log }) {
    this.#fs = options.fs
    this.#log = options.log
    this.#settled = new SettledFiles(options)
  }

  /** The digest of a link that was seen with this stat; undefined when it is gone or damaged. */
  read(path: string, stat: FileStat): Digest | undefined {
    const kept = this.#settled.find(path, stat)
    if (kept !== undefined) return kept
    const text = readDamagedAsEmptyNow(this.#fs, path, LINK_LIMIT_BYTES)?.toString('latin1')
    if (text === undefined) return undefined
    const digest = findDigest(text.trim())
    if (digest === undefined) this.#log.warn({ path }, 'a damaged link was found: push its content again')
    else this.#settled.keep(path, stat, digest)
    return digest
  }
}
