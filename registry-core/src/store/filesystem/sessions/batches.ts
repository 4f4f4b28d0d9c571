import { giveBack } from '../../../system/give-back.js'

/** Bytes gathered for one write, over all uploads of the process; one that is alone takes 1 MiB at a time. */
const BUDGET_BYTES = 64 * 1024 * 1024
const MAX_BYTES = 1024 * 1024
const MIN_BYTES = 64 * 1024

interface Options {
  /** Uploads that are being written in this process now. */
  readonly active: number
  /** Begins to write these, after all that came before. */
  readonly write: (buffers: readonly Buffer[], bytes: number) => Promise<void>
}

/** Chunks of a body gathered for few writes: one batch is written while the next one is gathered. */
export class Batches {
  readonly #write: Options['write']
  readonly #batchBytes: number
  #gathered: Buffer[] = []
  #gatheredBytes = 0
  #writing = Promise.resolve()

  constructor({ active, write }: Options) {
    this.#write = write
    this.#batchBytes = Math.max(MIN_BYTES, Math.min(MAX_BYTES, BUDGET_BYTES / active))
  }

  /** True when it is time to flush. */
  add(chunk: Buffer): boolean {
    this.#gathered.push(chunk)
    this.#gatheredBytes += chunk.length
    return this.#gatheredBytes >= this.#batchBytes
  }

  /** Ends when the batch before is written, and this one is on its way. @throws what that write threw */
  async flush(): Promise<void> {
    await this.#writing
    const buffers = this.#gathered
    const bytes = this.#gatheredBytes
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#writing = this.#write(buffers, bytes).then(() => giveBack(buffers))
    this.#writing.catch(() => undefined) // awaited by the next flush or at the end
  }

  /** Ends when all is written. @throws what a write threw, after which nothing more is written */
  async end(): Promise<void> {
    if (this.#gatheredBytes > 0) await this.flush()
    await this.#writing
  }
}
