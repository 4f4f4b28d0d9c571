import { createHash, type Hash } from 'node:crypto'
import { algorithmOf, type Algorithm, type Digest, digestOf } from '../../../oci/digest.js'
import { isRegistryError, RegistryError } from '../../../oci/failure.js'
import { errorCode, type OpenFile } from '../../fs.js'
import type { Stage } from '../../store.js'
import { Batches } from './batches.js'
import type { Resumable, StageParts } from './stage-parts.js'
import { untilTakenOver } from './until-taken-over.js'
import type { Settled } from './session-files.js'

const READ_BYTES = 1024 * 1024

/** One claimed generation of an upload session; its request is the only writer. */
export class FileStage implements Stage {
  readonly upload: string
  readonly signal: AbortSignal
  readonly #parts: StageParts
  readonly #previous: Settled
  readonly #generation: number
  #hash: Hash | undefined
  #file: OpenFile | undefined
  #path: string
  #offset: number
  #hasFailed = false
  #hasEnded = false

  constructor(options: {
    upload: string
    signal: AbortSignal
    parts: StageParts
    previous: Settled
    generation: number
    resumable: Resumable | undefined
  }) {
    this.upload = options.upload
    this.signal = options.signal
    this.#parts = options.parts
    this.#previous = options.previous
    this.#generation = options.generation
    this.#hash = options.resumable?.hash
    this.#path = options.previous.file
    this.#offset = options.previous.offset
  }

  get offset(): number {
    return this.#offset
  }

  get #algorithm(): Algorithm {
    return this.#previous.algorithm
  }

  async append(body: AsyncIterable<Buffer>, expectedBytes?: number): Promise<void> {
    const before = {
      offset: this.#offset,
      hash: expectedBytes === undefined ? undefined : this.#hash?.copy(),
    }
    const { file, hash } = await this.#open()
    const undo = expectedBytes === undefined ? undefined : (before.hash ?? hash.copy())
    await this.#take(body, file, hash)
    const received = this.#offset - before.offset
    if (expectedBytes === undefined || undo === undefined || received === expectedBytes) return
    await this.#writing(file.truncate(before.offset))
    this.#offset = before.offset
    this.#hash = undo
    throw new RegistryError('size-mismatch', { declared: expectedBytes, received })
  }

  /** The hot loop: hash what comes, write a batch while the next one arrives. */
  async #take(body: AsyncIterable<Buffer>, file: OpenFile, hash: Hash): Promise<void> {
    const batches = new Batches({
      active: this.#parts.active(),
      write: (buffers, bytes) => {
        const at = this.#offset
        this.#offset += bytes
        return this.#writing(file.write(buffers, at))
      },
    })
    try {
      for await (const chunk of untilTakenOver(body, this.signal, this.upload)) {
        hash.update(chunk)
        if (batches.add(chunk)) await batches.flush()
      }
    } finally {
      await batches.end()
    }
  }

  /** After a write has failed nothing in the file is trusted: the session ends with its stage. */
  async #writing<T>(call: Promise<T>): Promise<T> {
    try {
      return await call
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
  }

  /** Opens the file to go on in; one that another process or boot has written is copied and hashed anew. */
  async #open(): Promise<{ file: OpenFile; hash: Hash }> {
    const { fs, files } = this.#parts
    if (this.#file !== undefined && this.#hash !== undefined) return { file: this.#file, hash: this.#hash }
    if (this.#hash !== undefined && this.#path !== '') {
      this.#file = await fs.openToWrite(this.#path)
      if (this.#file === undefined) throw await this.#parts.whyLost()
      return { file: this.#file, hash: this.#hash }
    }
    const path = files.path(this.upload, 'data', this.#generation)
    const file = await fs.create(path).catch(async (error: unknown) => {
      throw await this.#named(error)
    })
    try {
      const hash = createHash(this.#algorithm)
      if (this.#offset > 0) await this.#copyPrefix(file, hash)
      // Only now: whatever went wrong before leaves the session where it was settled.
      this.#path = path
      this.#file = file
      this.#hash = hash
      return { file, hash }
    } catch (error) {
      await file.close()
      await fs.unlink(path)
      throw error
    }
  }

  async #copyPrefix(target: OpenFile, hash: Hash): Promise<void> {
    await this.#readPrefix(hash, (block, at) => target.write([block], at))
    if (digestOf(this.#algorithm, hash.copy()) === this.#previous.digest) return
    this.#hasFailed = true // a power cut took bytes back
    throw new RegistryError('upload-unknown', { upload: this.upload })
  }

  /** Reads the first `offset` bytes. */
  async #readPrefix(hash: Hash, use: (block: Buffer, at: number) => Promise<void>): Promise<void> {
    const file = await this.#parts.fs.openToRead(this.#path)
    if (file === undefined) throw await this.#parts.whyLost()
    try {
      for (let at = 0; at < this.#offset; ) {
        if (this.signal.aborted) throw new RegistryError('upload-taken-over', { upload: this.upload })
        const block = Buffer.allocUnsafe(Math.min(READ_BYTES, this.#offset - at))
        const bytes = await file.read(block, at)
        if (bytes === 0) break
        hash.update(block.subarray(0, bytes))
        await use(block.subarray(0, bytes), at)
        at += bytes
      }
    } finally {
      await file.close()
    }
  }

  async settle(): Promise<void> {
    if (this.#hasEnded) return
    let resumable: Resumable | undefined
    try {
      await this.#close()
      if (this.#hasFailed) await this.#parts.remove()
      else {
        resumable = this.#publishState()
        // A file that was copied has no reader any more: whoever claimed before us has made us overtaken.
        if (this.#previous.file !== '' && this.#previous.file !== this.#path)
          await this.#parts.fs.unlink(this.#previous.file)
      }
    } finally {
      this.#end(resumable)
    }
  }

  /** @throws RegistryError `upload-unknown` when the session has ended, `upload-taken-over` when another owns it */
  #publishState(): Resumable | undefined {
    const { files, boot } = this.#parts
    const hash = this.#hash
    const previous = this.#previous.generation
    const state: Settled = {
      ...this.#previous,
      generation: this.#generation,
      offset: this.#offset,
      digest: hash ? digestOf(this.#algorithm, hash.copy()) : this.#previous.digest,
      file: this.#path,
      boot: hash ? boot : this.#previous.boot,
    }
    if (files.isOvertaken(this.upload, this.#generation, previous))
      throw new RegistryError('upload-taken-over', { upload: this.upload })
    try {
      files.settle(this.upload, state, previous)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      throw new RegistryError('upload-unknown', { upload: this.upload }, { cause: error })
    }
    return hash && { state, hash }
  }

  async commit(digest: Digest): Promise<void> {
    try {
      // Between the settled state and us somebody may hold a claim and still write into the settled file.
      if (this.#hash === undefined && !this.#isSettledFileIdle()) await this.#open()
      const actual = await this.#digestIn(algorithmOf(digest))
      if (actual !== digest) throw new RegistryError('digest-mismatch', { expected: digest, actual })
      await this.#sync()
      await this.#close()
      await this.#parts.commit(digest, this.#path, this.#offset)
    } catch (error) {
      if (isFinal(error)) this.#hasFailed = true
      await this.settle().catch(() => undefined) // the first failure is the one to report
      throw await this.#named(error)
    }
    this.#end(undefined)
    await this.#parts.end()
  }

  /** Another process has gone on with the session, or has ended it, under us. */
  async #named(error: unknown): Promise<unknown> {
    return errorCode(error) === 'ENOENT' ? this.#parts.whyLost(error) : error
  }

  #isSettledFileIdle(): boolean {
    return this.#path !== '' && this.#generation === this.#previous.generation + 1
  }

  /** What was hashed on the way is not read again; only another algorithm, or another boot, reads the bytes. */
  async #digestIn(algorithm: Algorithm): Promise<Digest> {
    if (this.#path === '') await this.#open()
    if (this.#parts.fs.statNow(this.#path)?.sizeBytes !== this.#offset) {
      const lost = await this.#parts.whyLost()
      this.#hasFailed = lost.failure === 'upload-unknown' // a power cut took bytes back
      throw lost
    }
    const isKnown = algorithm === this.#algorithm
    if (isKnown && this.#hash !== undefined) return digestOf(algorithm, this.#hash.copy())
    if (isKnown && this.#previous.boot === this.#parts.boot) return this.#previous.digest
    const hash = createHash(algorithm)
    await this.#readPrefix(hash, async () => undefined)
    return digestOf(algorithm, hash)
  }

  async #sync(): Promise<void> {
    const file = this.#file ?? (await this.#parts.fs.openToWrite(this.#path))
    if (file === undefined) throw await this.#parts.whyLost()
    this.#file = file
    await this.#writing(this.#parts.health.watchSync(file.sync()))
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  #end(resumable: Resumable | undefined): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#parts.ended(resumable)
  }
}

/** After a wrong digest the client begins anew, and on a full disk nothing is kept that somebody may want to send again. */
function isFinal(error: unknown): boolean {
  if (isRegistryError(error)) return error.failure === 'digest-mismatch'
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(errorCode(error) ?? '')
}
