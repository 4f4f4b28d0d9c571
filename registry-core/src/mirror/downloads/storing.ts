import type { Digest } from '../../oci/digest.js'
import { isRegistryError } from '../../oci/failure.js'
import type { PartialContent, Partials } from '../../store/fetched.js'
import { errorCode } from '../../store/fs.js'
import type { Log } from '../../system/log.js'
import type { Arrivals } from './arrivals.js'
import { NotStored } from './not-stored.js'

/** Written at once; the next batch gathers meanwhile. */
const BATCH_BYTES = 1024 * 1024

/**
 * The way of a blob's bytes into the store, in batches. A disk that takes nothing is no reason to answer nothing: from
 * then on bytes are hashed, and pass.
 */
export class Storing {
  readonly #partials: Partials
  readonly #arrivals: Arrivals
  readonly #digest: Digest
  readonly #log: Log
  #content: PartialContent
  #batch: Buffer[] = []
  #gatheredBytes = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(options: { partials: Partials; arrivals: Arrivals; digest: Digest; log: Log }) {
    this.#partials = options.partials
    this.#arrivals = options.arrivals
    this.#digest = options.digest
    this.#log = options.log
    this.#content = new NotStored(options.digest)
  }

  /** Goes on from what was kept. */
  async open(signal: AbortSignal): Promise<void> {
    try {
      this.#content = await this.#partials.open(this.#digest, signal)
    } catch (error) {
      this.#passOn(error)
    }
    this.#arrivals.begin(this.#content)
  }

  async expect(sizeBytes: number): Promise<void> {
    try {
      await this.#content.expect(sizeBytes)
    } catch (error) {
      await this.#content.discard()
      this.#passOn(error)
    }
  }

  /** Ends when there is room for more. */
  async add(piece: Buffer): Promise<void> {
    this.#batch.push(piece)
    this.#gatheredBytes += piece.length
    if (this.#gatheredBytes >= BATCH_BYTES) await this.#flush()
  }

  /** Hands the batch to the file; the one before must have been written. */
  async #flush(): Promise<void> {
    await this.#writing
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#gatheredBytes = 0
    this.#writing = this.#write(batch)
    this.#writing.catch(() => undefined) // awaited by the next flush
  }

  async #write(batch: readonly Buffer[]): Promise<void> {
    try {
      await this.#content.append(batch)
    } catch (error) {
      await this.#content.discard()
      this.#passOn(error)
    }
    this.#arrivals.settle()
  }

  /** True when all that came has the digest. */
  async isWhole(): Promise<boolean> {
    await this.#flush()
    await this.#writing
    return this.#content.isWhole()
  }

  /** Makes it visible, unless it only passed; what goes wrong then is the disk's, and no reader's. */
  async commit(publish: () => Promise<void>): Promise<void> {
    if (this.#arrivals.isPassing) return
    try {
      await this.#content.commit()
      await publish()
    } catch (error) {
      this.#passOn(error)
    }
  }

  /** After a failure: lets go of what came, and of what cannot be it. Never throws. */
  async end(isWrong: boolean): Promise<void> {
    try {
      await this.#flush()
      await this.#writing
      await (isWrong ? this.#content.discard() : this.#content.keep())
    } catch (failure) {
      this.#say(failure, 'what was fetched of a blob is not kept')
    }
  }

  /** After the last reader. */
  close(): Promise<void> {
    return this.#content.close()
  }

  /** @throws what does not come from the disk */
  #passOn(error: unknown): void {
    if (!isRegistryError(error) && errorCode(error) === undefined) throw error
    this.#arrivals.passOn()
    this.#say(error, 'a blob is passed on without being stored')
  }

  #say(error: unknown, what: string): void {
    const why = Error.isError(error) ? error.message : String(error)
    this.#log.warn({ digest: this.#digest, why }, what)
  }
}
