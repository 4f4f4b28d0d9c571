import type { FetchedBlob } from '#core/mirror/upstream/upstream.js'
import { UpstreamFailure, type UpstreamTrouble } from '#core/mirror/upstream/upstream-failure.js'
import type { Digest } from '#core/oci/digest.js'
import type { RepositoryName } from '#core/oci/repository.js'

import { ScriptedUpstream } from './scripted-upstream.js'

/** How one request for the blob is answered; what is left out is as it should be. */
export interface Answer {
  /** Fails at once. */
  readonly fails?: UpstreamTrouble
  /** The connection breaks at this byte of the blob. */
  readonly cutAt?: number
  readonly ignoresRange?: boolean
  readonly saysBytes?: number | undefined
  /** Other bytes than those that it has. */
  readonly bytes?: Buffer
}

/** An upstream with one blob, which comes as fast as the test lets it. */
export class BlobUpstream extends ScriptedUpstream {
  /** Where each request began. */
  readonly firsts: number[] = []
  /** Of the next requests, one each. */
  answers: readonly Answer[] = []
  /** Bodies that have been begun and not ended. */
  openBodies = 0
  readonly #bytes: Buffer
  readonly #pieceBytes: number
  #allowed = Number.POSITIVE_INFINITY
  #moved = Promise.withResolvers<void>()

  constructor(bytes: Buffer, pieceBytes = 16 * 1024) {
    super()
    this.#bytes = bytes
    this.#pieceBytes = pieceBytes
  }

  /** Bytes of the blob up to here may come, and no others until the next call. */
  allow(bytes: number): void {
    this.#allowed = bytes
    this.#moved.resolve()
    this.#moved = Promise.withResolvers<void>()
  }

  override async blob(
    _repository: RepositoryName,
    _digest: Digest,
    asked: number,
    signal: AbortSignal,
  ): Promise<FetchedBlob> {
    signal.throwIfAborted()
    this.firsts.push(asked)
    const [answer = {}, ...others] = this.answers
    this.answers = others
    if (answer.fails !== undefined) throw new UpstreamFailure(answer.fails, 'as the test says')
    const bytes = answer.bytes ?? this.#bytes
    const first = answer.ignoresRange === true ? 0 : asked
    const sizeBytes = 'saysBytes' in answer ? answer.saysBytes : bytes.length
    return { first, sizeBytes, body: this.#body(bytes, first, answer, signal) }
  }

  /** Asked when `blob` has not said its size: it says it nowhere. */
  override async describeBlob(): Promise<never> {
    throw new UpstreamFailure('wrong-content', 'as the test says')
  }

  async *#body(bytes: Buffer, first: number, { cutAt }: Answer, signal: AbortSignal): AsyncGenerator<Buffer> {
    this.openBodies += 1
    try {
      for (let at = first; at < bytes.length; ) {
        const end = Math.min(at + this.#pieceBytes, this.#allowed, cutAt ?? bytes.length, bytes.length)
        if (end > at) {
          yield bytes.subarray(at, end)
          at = end
          continue
        }
        if (cutAt !== undefined && at >= cutAt) throw new UpstreamFailure('cut', 'as the test says')
        await this.#wait(signal)
      }
    } finally {
      this.openBodies -= 1
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>()
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    await Promise.race([this.#moved.promise, promise])
    signal.removeEventListener('abort', abort)
  }
}
