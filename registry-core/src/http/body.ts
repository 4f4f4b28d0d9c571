import type { IncomingMessage } from 'node:http'
import { RegistryError } from '../oci/failure.js'
import type { Clock } from '../system/clock.js'

/** So much may wait in memory before the client is made to pause. */
const QUEUE_LIMIT_BYTES = 1024 * 1024
/** With less, the reader is woken only when nothing more has come at the same time. */
const WORTH_WAKING_BYTES = 32 * 1024
/** Smaller pieces are joined, so that a body of single bytes costs the store few writes (attack row 19). */
const SMALL_BYTES = 2048

/** How the bodies of a server are read. */
export interface BodyOptions {
  readonly clock: Clock
  /** A body from which nothing comes for so long is given up. */
  readonly idleMs: number
  /** What all requests of the server hold of bodies that they collect, and may hold: no number of slow clients takes more. */
  readonly collected: { bytes: number; readonly limitBytes: number }
}

/** The client left before its body was whole: nobody waits for an answer. */
export class ClientGone extends Error {
  readonly code = 'CLIENT_GONE'
}

/** True for what is thrown, anywhere, because the client has gone. */
export function isClientGone(error: unknown): boolean {
  return Error.isError(error) && 'code' in error && error.code === 'CLIENT_GONE'
}

/**
 * The body of a request, read at most once, as it comes: with backpressure, and a limit on the time between two
 * pieces instead of one on the whole (node's requestTimeout would cut long uploads).
 */
export class RequestBody implements AsyncIterable<Buffer> {
  receivedBytes = 0
  readonly #request: IncomingMessage
  readonly #options: BodyOptions
  readonly #beforeReading: () => void
  readonly #queue: Buffer[] = []
  #queuedBytes = 0
  #isWhole = false
  #isStarted = false
  #isWakeDue = false
  #isDiscarded = false
  #error: Error | undefined
  #wake: (() => void) | undefined

  /** @param beforeReading called once when the body is wanted: that is when a `100 Continue` is due */
  constructor(request: IncomingMessage, options: BodyOptions, beforeReading: () => void) {
    this.#request = request
    this.#options = options
    this.#beforeReading = beforeReading
  }

  /** The Content-Length; undefined when the client did not say (node's parser has refused a malformed one). */
  get declaredBytes(): number | undefined {
    const header = this.#request.headers['content-length']
    return header === undefined ? undefined : Number(header)
  }

  /** False when the request cannot have one. */
  get isAnnounced(): boolean {
    const { headers } = this.#request
    return (
      headers['transfer-encoding'] !== undefined ||
      (headers['content-length'] !== undefined && headers['content-length'] !== '0')
    )
  }

  /** True when nothing of it is, or will be, on the wire. */
  get isOver(): boolean {
    return !this.isAnnounced || this.#isWhole || this.#request.complete
  }

  get isStarted(): boolean {
    return this.#isStarted
  }

  /** Nobody wants the rest: what comes is thrown away. */
  discard(): void {
    this.#isDiscarded = true
    this.#queue.length = 0
    this.#request.resume()
  }

  /**
   * All of it in memory. @throws what `tooLarge` answers, without reading on, when it is larger than the limit;
   * RegistryError `server-busy` when all such bodies together are
   */
  async collect(limitBytes: number, tooLarge: () => Error): Promise<Buffer> {
    if ((this.declaredBytes ?? 0) > limitBytes) throw tooLarge()
    const { collected } = this.#options
    const pieces: Buffer[] = []
    let heldBytes = 0
    try {
      for await (const piece of this) {
        pieces.push(piece)
        heldBytes += piece.length
        collected.bytes += piece.length
        if (this.receivedBytes > limitBytes) throw tooLarge()
        if (collected.bytes > collected.limitBytes)
          throw new RegistryError('server-busy', { why: 'too many manifests are on their way' })
      }
      return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
    } finally {
      collected.bytes -= heldBytes
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    if (!this.isAnnounced) return
    this.#start()
    try {
      for (;;) {
        const piece = this.#take()
        if (piece !== undefined) yield piece
        else if (this.#error) throw this.#error
        else if (this.#isWhole) return
        else await this.#arrival()
      }
    } finally {
      if (!this.#isDiscarded) this.#request.pause()
    }
  }

  #start(): void {
    if (this.#isStarted) throw new Error('the body of a request can be read only once')
    this.#isStarted = true
    this.#beforeReading()
    const request = this.#request
    request.on('data', (piece: Buffer) => this.#receive(piece))
    request.on('end', () => {
      this.#isWhole = request.complete
      this.#wakeReader()
    })
    const gone = (): void => {
      if (!this.#isWhole) this.#fail(new ClientGone('the client has gone before its body was whole'))
    }
    request.on('error', gone)
    request.on('close', gone)
    if (request.destroyed && !request.complete) gone()
  }

  #receive(piece: Buffer): void {
    if (this.#isDiscarded) return
    this.receivedBytes += piece.length
    this.#queue.push(piece)
    this.#queuedBytes += piece.length
    if (this.#queuedBytes >= QUEUE_LIMIT_BYTES) this.#request.pause()
    if (this.#wake === undefined) return
    if (this.#queuedBytes >= WORTH_WAKING_BYTES) this.#wakeReader()
    else this.#wakeSoon()
  }

  /** After what the socket has now, however many pieces that is. */
  #wakeSoon(): void {
    if (this.#isWakeDue) return
    this.#isWakeDue = true
    setImmediate(() => {
      this.#isWakeDue = false
      this.#wakeReader()
    })
  }

  #take(): Buffer | undefined {
    const first = this.#queue[0]
    if (first === undefined) return undefined
    if (this.#queue.length === 1 || first.length >= SMALL_BYTES) this.#queue.shift()
    const piece =
      first.length >= SMALL_BYTES || this.#queue.length === 0 ? first : Buffer.concat(this.#queue.splice(0))
    this.#queuedBytes -= piece.length
    if (this.#queuedBytes < QUEUE_LIMIT_BYTES / 2 && this.#request.isPaused()) this.#request.resume()
    return piece
  }

  async #arrival(): Promise<void> {
    const { clock, idleMs } = this.#options
    const stop = clock.after(idleMs, () => {
      this.#fail(new RegistryError('request-timeout', { seconds: Math.round(idleMs / 1000) }))
    })
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    stop()
  }

  #fail(error: Error): void {
    this.#error ??= error
    this.#wakeReader()
  }

  #wakeReader(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
