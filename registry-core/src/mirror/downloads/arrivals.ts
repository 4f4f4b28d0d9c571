import type { PartialContent } from '../../store/fetched.js'
import type { Window } from './ring.js'
import { untilAborted } from '../until-aborted.js'

/** The end of a blob waits until all of it has its digest: a wrong one never looks complete. */
const HELD_BACK_BYTES = 64 * 1024
/** Read ahead from files, over all readers of a blob; one that is alone takes 1 MiB at a time. */
const READ_BUDGET_BYTES = 8 * 1024 * 1024
const READ_MAX_BYTES = 1024 * 1024
const READ_MIN_BYTES = 64 * 1024

/** One that reads, or that will. */
export interface Reader {
  /** What it has taken so far. */
  position: number
}

interface Waiting {
  readonly position: number
  readonly wake: () => void
}

/** What has come of a blob, and those who read it while it comes. */
export class Arrivals {
  readonly #window: Window
  readonly #onReaders: () => void
  readonly #readers = new Set<Reader>()
  readonly #waiting = new Set<Waiting>()
  #content: PartialContent | undefined
  #isStored = true
  #received = 0
  #sizeBytes: number | undefined
  #visible = 0
  #isWhole = false
  #failure: { readonly error: unknown } | undefined
  /** The memory of pieces that were read from the file, each for one reader. */
  readonly #own = new WeakSet<ArrayBufferLike>()

  /** @param onReaders called when a reader has come, gone, or taken something */
  constructor(window: Window, onReaders: () => void) {
    this.#window = window
    this.#onReaders = onReaders
  }

  get received(): number {
    return this.#received
  }

  get sizeBytes(): number | undefined {
    return this.#sizeBytes
  }

  get readers(): number {
    return this.#readers.size
  }

  /** Nothing is stored: readers get what comes, and the slowest of them sets the pace. */
  get isPassing(): boolean {
    return !this.#isStored
  }

  /** Bytes that are in no file, and that somebody has not taken yet. */
  get unsettledBytes(): number {
    this.settle()
    return this.#window.unsettledBytes
  }

  /** What is there already counts as received. */
  begin(content: PartialContent): void {
    this.#content = content
    this.#received = content.offset
    this.#window.begin(content.offset)
    this.#show()
  }

  know(sizeBytes: number): void {
    this.#sizeBytes = sizeBytes
    this.#show()
  }

  add(piece: Buffer): void {
    this.#window.add(piece)
    this.#received += piece.length
    this.#show()
  }

  /** From here on nothing is written: what comes is kept until every reader has taken it. */
  passOn(): void {
    this.#isStored = false
  }

  /** Lets go of what is in the file, or has been taken by all. */
  settle(): void {
    const stored = this.#content?.offset ?? 0
    if (this.#isStored) this.#window.settle(stored)
    else {
      let slowest = this.#received
      for (const { position } of this.#readers) slowest = Math.min(slowest, position)
      this.#window.settle(Math.max(stored, slowest))
    }
  }

  /** False when bytes from there on are neither here nor in the file any more. */
  hasFrom(position: number): boolean {
    return this.#isStored || position < (this.#content?.offset ?? 0) || position >= this.#window.first
  }

  /** All of it has its digest: the end is shown too. */
  complete(): void {
    this.#isWhole = true
    this.#sizeBytes = this.#received
    this.#show()
    for (const { wake } of this.#waiting) wake()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    for (const { wake } of this.#waiting) wake()
  }

  /** As long as it is not released, the download is wanted, and keeps what comes from `position` on. */
  hold(position: number): Reader {
    const reader = { position }
    this.#readers.add(reader)
    if (this.isPassing) this.settle() // from now on, not when something more has come
    this.#onReaders()
    return reader
  }

  release(reader: Reader): void {
    if (this.#readers.delete(reader)) this.#onReaders()
  }

  /** What is held, up to `last`; it is released at the end. @see GrowingContent.read */
  async *read(reader: Reader, last: number | undefined, signal: AbortSignal): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        signal.throwIfAborted()
        if (this.#failure !== undefined) throw this.#failure.error
        const end = last === undefined ? Number.POSITIVE_INFINITY : last + 1
        if (reader.position >= end || (this.#isWhole && reader.position >= this.#received)) return
        const seen = Math.min(end, this.#visible)
        if (reader.position >= seen) {
          await this.#more(reader.position, signal)
          continue
        }
        const piece = await this.#piece(reader.position, seen)
        yield piece
        reader.position += piece.length
        this.#onReaders()
      }
    } finally {
      this.release(reader)
    }
  }

  async #piece(position: number, end: number): Promise<Buffer> {
    const recent = this.#window.find(position)
    if (recent !== undefined)
      return recent.length > end - position ? recent.subarray(0, end - position) : recent
    const content = this.#content
    const share = Math.max(READ_MIN_BYTES, Math.min(READ_MAX_BYTES, READ_BUDGET_BYTES / this.#readers.size))
    const buffer = Buffer.allocUnsafeSlow(
      Math.max(0, Math.min(Math.floor(share), end - position, (content?.offset ?? 0) - position)),
    )
    const bytes = (await content?.read(buffer, position)) ?? 0
    if (bytes === 0)
      throw Object.assign(new Error('what was fetched is shorter than what was written'), { code: 'EIO' })
    this.#own.add(buffer.buffer)
    return buffer.subarray(0, bytes)
  }

  /** @see GrowingContent.isOwn */
  isOwn({ buffer }: Buffer): boolean {
    return this.#own.has(buffer)
  }

  /** Waits until the byte at `position` may be read, or nothing more will come. */
  async #more(position: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve: wake } = Promise.withResolvers<void>()
    const waiting = { position, wake }
    this.#waiting.add(waiting)
    try {
      await untilAborted(promise, signal)
    } finally {
      this.#waiting.delete(waiting)
    }
  }

  #show(): void {
    const shown = this.#isWhole ? this.#received : (this.#sizeBytes ?? this.#received) - HELD_BACK_BYTES
    this.#visible = Math.max(this.#visible, Math.min(this.#received, shown))
    for (const { position, wake } of this.#waiting) if (position < this.#visible) wake()
  }

  /** The readers have gone, and no other may come. */
  clear(): void {
    this.#window.clear()
  }
}
