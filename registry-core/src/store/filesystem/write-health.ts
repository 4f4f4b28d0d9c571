import { RegistryError } from '../../oci/failure.js'
import type { Clock } from '../../system/clock.js'
import { errorCode } from '../fs.js'

const FAILURES_BEFORE_READ_ONLY = 3
const PROBE_EVERY_MS = 1000

/** What a probe may meet that says nothing of the disk: it is full (`reserve` says so), or the process lacks something. */
const SAYS_NOTHING: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM'])

/**
 * After three failed fsyncs in a row the store takes no pushes (a disk that loses writes must not be filled with
 * promises), and while a probe cannot write at all, until one has written and synced again. Reads go on.
 */
export class WriteHealth {
  readonly #clock: Clock
  #failures = 0
  #lastProbeMs = Number.NEGATIVE_INFINITY
  #lastCause = ''
  #unwritable: string | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts the outcome of an fsync; a folder that is not there had nothing to lose, and says nothing of the disk. */
  async watchSync(sync: Promise<void>): Promise<void> {
    try {
      await sync
      this.#failures = 0
    } catch (error) {
      if (errorCode(error) === 'ENOENT') throw error
      this.#failures += 1
      this.#lastCause = Error.isError(error) ? error.message : String(error)
      throw error
    }
  }

  /** Why no pushes are taken; undefined while all is well. */
  get cause(): string | undefined {
    return this.#failures < FAILURES_BEFORE_READ_ONLY ? this.#unwritable : `fsync fails: ${this.#lastCause}`
  }

  /** Tries a write, and keeps in mind what it says of the disk. */
  async probe(write: () => Promise<void>): Promise<void> {
    try {
      await write()
      this.#unwritable = undefined
    } catch (error) {
      const code = errorCode(error)
      if (code !== undefined && !SAYS_NOTHING.has(code)) this.#unwritable = sentenceOf(code)
    }
  }

  /**
   * Lets pushes pass while the disk is well; else probes, once a second at most.
   * @throws RegistryError `storage-failing`
   */
  async check(probe: () => Promise<void>): Promise<void> {
    if (this.cause === undefined) return
    const nowMs = this.#clock.elapsedMs()
    if (nowMs - this.#lastProbeMs >= PROBE_EVERY_MS) {
      this.#lastProbeMs = nowMs
      await this.probe(probe)
    }
    if (this.cause !== undefined) throw new RegistryError('storage-failing', { cause: this.cause })
  }
}

function sentenceOf(code: string): string {
  return code === 'EROFS' ? 'the disk is mounted read-only' : `the disk takes no writes: ${code}`
}
