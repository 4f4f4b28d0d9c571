import type { Digest } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Partials } from '../../store/fetched.js'
import type { Clock } from '../../system/clock.js'
import type { Log } from '../../system/log.js'
import { Arrivals } from './arrivals.js'
import type { Ring } from './ring.js'
import { Storing } from './storing.js'
import type { FetchedBlob, Upstream } from '../upstream/upstream.js'
import { isUpstreamFailure, TROUBLES, UpstreamFailure } from '../upstream/upstream-failure.js'

/** How long a download that nobody reads goes on while less than half of it is here. */
const GRACE_MS = 30_000
/** Without a file: how far the download may be ahead of its slowest reader. */
const PASSING_BYTES = 4 * 1024 * 1024
/** So many attempts in a row that bring less than this, and it is given up. */
const ATTEMPTS = 5
const PROGRESS_BYTES = 64 * 1024
const FIRST_PAUSE_MS = 250
/** An upstream that does not say how long its blob is may send this much. */
const UNDECLARED_LIMIT_BYTES = 64 * 1024 ** 3

export interface DownloadParts {
  readonly partials: Partials
  readonly ring: Ring
  readonly clock: Clock
  readonly log: Log
  /** What must have ended before: the same digest's last download. */
  readonly after: Promise<void>
  /** Makes what is committed visible wherever it was asked for. */
  readonly publish: () => Promise<void>
  /** Nobody new may join from here on. */
  readonly closing: () => void
}

/** One blob on its way from an upstream: written, hashed, and handed to whoever reads (arrivals.ts). */
export class Download {
  readonly arrivals: Arrivals
  /** Ends with the upstream's headers. @throws UpstreamFailure */
  readonly headers: Promise<void>
  /** Ends when nothing more is fetched or written; readers may go on. Never fails. */
  readonly settled: Promise<void>
  /** Ends when the last reader has gone too. Never fails. */
  readonly ended: Promise<void>
  readonly #parts: DownloadParts
  readonly #upstream: Upstream
  readonly #remote: RepositoryName
  readonly #digest: Digest
  readonly #storing: Storing
  readonly #stop = new AbortController()
  readonly #headers = Promise.withResolvers<void>()
  #isRunning = true
  #hasHeaders = false
  /** What came cannot be it: none of it is kept. */
  #isWrong = false
  #cancelGrace: (() => void) | undefined
  /** Wakes who waits for a reader to do something. */
  #readersMoved: () => void = () => undefined

  constructor(upstream: Upstream, remote: RepositoryName, digest: Digest, parts: DownloadParts) {
    this.#upstream = upstream
    this.#remote = remote
    this.#digest = digest
    this.#parts = parts
    this.arrivals = new Arrivals(parts.ring.open(), () => this.#onReaders())
    this.#storing = new Storing({ ...parts, arrivals: this.arrivals, digest })
    this.headers = this.#headers.promise
    this.headers.catch(() => undefined) // whoever joined has left, maybe
    this.settled = this.#run()
    this.ended = this.settled.then(() => this.#end())
  }

  /** It has failed, or is stopped: nobody should wait for more. */
  get isEnding(): boolean {
    return this.#stop.signal.aborted
  }

  /** What has come is kept; readers hear why. */
  stop(reason: unknown): void {
    this.#parts.closing()
    this.#stop.abort(reason)
    this.arrivals.fail(reason)
    this.#readersMoved()
  }

  async #run(): Promise<void> {
    try {
      await this.#parts.after
      await this.#storing.open(this.#stop.signal)
      await this.#fetchAll()
      await this.#finish()
      this.arrivals.complete()
    } catch (error) {
      this.stop(error)
      this.#headers.reject(error)
      await this.#storing.end(this.#isWrong)
    }
    this.#parts.closing()
    this.#isRunning = false
    this.#cancelGrace?.()
  }

  async #end(): Promise<void> {
    while (this.arrivals.readers > 0) await this.#untilReadersMove()
    this.arrivals.clear()
    await this.#storing.close()
  }

  async #fetchAll(): Promise<void> {
    // A process that died between the last byte and the commit has left all of it.
    const { received } = this.arrivals
    if (received > 0 && (await this.#storing.isWhole())) return this.arrivals.know(received)
    for (let attempt = 1; ; attempt += 1) {
      const before = this.arrivals.received
      try {
        return await this.#fetch()
      } catch (error) {
        if (this.#stop.signal.aborted || !this.#mayRetry(error)) throw error
        if (this.arrivals.received - before >= PROGRESS_BYTES) attempt = 1
        if (attempt >= ATTEMPTS) throw error
        await this.#parts.clock.sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1), this.#stop.signal)
      }
    }
  }

  /** Before the first headers clients wait, and the upstream has tried all its addresses: they hear of it at once. */
  #mayRetry(error: unknown): boolean {
    return this.#hasHeaders && isUpstreamFailure(error) && TROUBLES[error.trouble].isRetried
  }

  async #fetch(): Promise<void> {
    const { received } = this.arrivals
    const blob = await this.#askFrom(received)
    let skipBytes = received - blob.first
    const body = blob.body[Symbol.asyncIterator]()
    try {
      if (skipBytes < 0) throw this.#failure(`begins at byte ${blob.first} instead of ${received}`)
      const sizeBytes = blob.sizeBytes ?? (await this.#sizeElsewhere())
      if (sizeBytes !== undefined) await this.#know(sizeBytes)
      this.#hasHeaders = true
      this.#headers.resolve()
      for (let next = await body.next(); next.done !== true; next = await body.next()) {
        const skipped = Math.min(skipBytes, next.value.length)
        skipBytes -= skipped
        if (skipped < next.value.length) await this.#take(next.value.subarray(skipped))
      }
    } finally {
      await body.return?.()
    }
    const { sizeBytes } = this.arrivals
    if (sizeBytes !== undefined && this.arrivals.received < sizeBytes)
      throw new UpstreamFailure(
        'cut',
        `${this.#name()} ended after ${this.arrivals.received} of ${sizeBytes} bytes`,
      )
  }

  /** Where the body does not say its size, a HEAD may: a body without end is then noticed (attack row 54). */
  async #sizeElsewhere(): Promise<number | undefined> {
    if (this.arrivals.sizeBytes !== undefined) return undefined
    try {
      return (await this.#upstream.describeBlob(this.#remote, this.#digest, this.#stop.signal)).sizeBytes
    } catch (error) {
      if (isUpstreamFailure(error)) return undefined // it comes without a size, then
      throw error
    }
  }

  /** An upstream that cannot go on from there would be asked for the same again and again: the next download begins anew. */
  async #askFrom(first: number): Promise<FetchedBlob> {
    try {
      return await this.#upstream.blob(this.#remote, this.#digest, first, this.#stop.signal)
    } catch (error) {
      if (
        first > 0 &&
        isUpstreamFailure(error) &&
        (error.status === 416 || error.trouble === 'wrong-content')
      )
        this.#isWrong = true
      throw error
    }
  }

  async #know(sizeBytes: number): Promise<void> {
    const { sizeBytes: known, received } = this.arrivals
    if (known !== undefined && known !== sizeBytes)
      throw this.#failure(`has ${sizeBytes} bytes now, and had ${known} before`)
    if (received > sizeBytes) throw this.#spoilt(`has ${sizeBytes} bytes, and ${received} came before`)
    if (known !== undefined) return
    this.arrivals.know(sizeBytes)
    await this.#storing.expect(sizeBytes)
  }

  async #take(piece: Buffer): Promise<void> {
    this.#stop.signal.throwIfAborted()
    const { received, sizeBytes } = this.arrivals
    if (received + piece.length > (sizeBytes ?? UNDECLARED_LIMIT_BYTES))
      throw this.#spoilt(`is longer than ${sizeBytes ?? UNDECLARED_LIMIT_BYTES} bytes`)
    this.arrivals.add(piece)
    await this.#storing.add(piece)
    while (this.arrivals.isPassing && this.arrivals.unsettledBytes > PASSING_BYTES) {
      this.#stop.signal.throwIfAborted()
      await this.#untilReadersMove()
    }
  }

  async #finish(): Promise<void> {
    if (!(await this.#storing.isWhole())) throw this.#spoilt('has another digest')
    this.#headers.resolve()
    await this.#storing.commit(this.#parts.publish)
  }

  /** What came cannot become it: it is thrown away. */
  #spoilt(what: string): UpstreamFailure {
    this.#isWrong = true
    return this.#failure(what)
  }

  /** What came before is kept. */
  #failure(what: string): UpstreamFailure {
    return new UpstreamFailure('wrong-content', `${this.#name()} ${what}`)
  }

  #name(): string {
    return `the blob ${this.#digest} from ${this.#upstream.host}`
  }

  #untilReadersMove(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#readersMoved = resolve
    return promise
  }

  #onReaders(): void {
    this.#readersMoved()
    if (this.arrivals.readers > 0) {
      this.#cancelGrace?.()
      this.#cancelGrace = undefined
    } else if (this.#isRunning) this.#cancelGrace ??= this.#parts.clock.after(GRACE_MS, () => this.#giveUp())
  }

  #giveUp(): void {
    const { received, sizeBytes } = this.arrivals
    if (this.arrivals.readers > 0 || received * 2 > (sizeBytes ?? Number.POSITIVE_INFINITY)) return
    this.stop(new UpstreamFailure('given-up', `nobody reads ${this.#name()} any more`))
  }
}
