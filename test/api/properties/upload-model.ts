import { randomBytes } from 'node:crypto'

import { absentDigest, type Algorithm, digestOf } from '../../support/images.js'
import {
  type Answer,
  expectStatus,
  locationOf,
  pieces,
  type RegistryClient,
  withDigest,
} from '../../support/registry-client.js'
import type { Framing, Step } from './upload-steps.js'

type StepOf<K extends Step['kind']> = Extract<Step, { readonly kind: K }>

/**
 * One session as a client understands it: the bytes that the registry took so far, and whether it is still open. Each
 * step is sent, and its answer held against this; `finish` proves what the registry kept.
 */
export class UploadModel {
  readonly #client: RegistryClient
  readonly #repository: string
  readonly #urls: string[]
  #received: Buffer = Buffer.alloc(0)
  #isOpen = true

  private constructor(client: RegistryClient, repository: string, url: string) {
    this.#client = client
    this.#repository = repository
    this.#urls = [url]
  }

  static async start(client: RegistryClient, repository: string): Promise<UploadModel> {
    return new UploadModel(client, repository, await client.startUpload(repository))
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'append':
        return this.#append(step)
      case 'chunk':
        return this.#chunk(step)
      case 'status':
        return this.#status(step.url)
      case 'close':
        return this.#close(step)
      case 'cancel':
        return this.#cancel(step.url)
    }
  }

  /** Closes what is open still, and pulls the blob. */
  async finish(): Promise<void> {
    if (!this.#isOpen) {
      for (const url of this.#urls) expectStatus(await this.#client.get(url), 404)
      return
    }
    await this.#status(this.#urls.length - 1)
    await this.#closeRightly(this.#urls.length - 1, Buffer.alloc(0), {
      framing: 'length',
      algorithm: 'sha256',
    })
  }

  async #append({ url, size, framing }: StepOf<'append'>): Promise<void> {
    const bytes = randomBytes(size)
    const answer = await this.#client.patch(this.#url(url), bodyOf(bytes, framing))
    if (!this.#isOpen) return void expectStatus(answer, 404)
    this.#accept(answer, bytes)
  }

  async #chunk({ url, size, framing, shift, lie }: StepOf<'chunk'>): Promise<void> {
    const bytes = randomBytes(size)
    const first = Math.max(0, this.#received.length + shift)
    const last = first + size - 1 + lie
    const headers = { 'content-range': `${first}-${last}` }
    const answer = await this.#client.patch(this.#url(url), bodyOf(bytes, framing), headers)
    if (!this.#isOpen) return void expectStatus(answer, 404)
    if (lie !== 0) return this.#refused(answer, 400, 416)
    if (first !== this.#received.length) return this.#refused(answer, 416)
    this.#accept(answer, bytes)
  }

  async #close(step: StepOf<'close'>): Promise<void> {
    const { url, size, framing, digest, range } = step
    const bytes = randomBytes(range === 'none' ? size : Math.max(1, size))
    if (range !== 'shifted' && (digest === 'sha256' || digest === 'sha512') && this.#isOpen) {
      return this.#closeRightly(url, bytes, { framing, algorithm: digest, withRange: range === 'right' })
    }
    const first = this.#received.length + (range === 'shifted' ? 7 : 0)
    const headers = range === 'none' ? {} : { 'content-range': `${first}-${first + bytes.length - 1}` }
    const target = this.#closing(url, digest, bytes)
    const answer = await this.#client.put(target, bodyOf(bytes, framing), headers)
    if (!this.#isOpen)
      return void expectStatus(answer, 404, ...(digest === 'malformed' || digest === 'none' ? [400] : []))
    if (digest === 'wrong' && range !== 'shifted') return this.#mismatched(answer, bytes)
    await this.#refused(answer, ...(range === 'shifted' ? [416, 400] : [400]))
  }

  /** The URL of a closing request, with the digest that it claims. */
  #closing(url: number, digest: StepOf<'close'>['digest'], last: Buffer): string {
    const claimed = {
      none: undefined,
      wrong: absentDigest(),
      malformed: 'sha256:0',
      sha256: digestOf(Buffer.concat([this.#received, last])),
      sha512: digestOf(Buffer.concat([this.#received, last]), 'sha512'),
    }[digest]
    return claimed === undefined ? this.#url(url) : withDigest(this.#url(url), claimed)
  }

  async #closeRightly(
    url: number,
    last: Buffer,
    how: { readonly framing: Framing; readonly algorithm: Algorithm; readonly withRange?: boolean },
  ): Promise<void> {
    const first = this.#received.length
    const whole = Buffer.concat([this.#received, last])
    const digest = digestOf(whole, how.algorithm)
    const headers = how.withRange === true ? { 'content-range': `${first}-${whole.length - 1}` } : {}
    const answer = await this.#client.put(
      withDigest(this.#url(url), digest),
      bodyOf(last, how.framing),
      headers,
    )
    expectStatus(answer, 201)
    this.#isOpen = false
    const blob = await this.#client.pullBlob(this.#repository, digest)
    if (!blob.equals(whole)) throw new Error('the blob is not what was sent')
  }

  async #cancel(url: number): Promise<void> {
    expectStatus(await this.#client.delete(this.#url(url)), this.#isOpen ? 204 : 404)
    this.#isOpen = false
  }

  async #status(url: number): Promise<void> {
    const answer = await this.#client.get(this.#url(url))
    if (!this.#isOpen) return void expectStatus(answer, 404)
    this.#expectOffset(expectStatus(answer, 204))
    this.#urls.push(locationOf(answer))
  }

  #accept(answer: Answer, bytes: Buffer): void {
    expectStatus(answer, 202)
    this.#received = Buffer.concat([this.#received, bytes])
    this.#urls.push(locationOf(answer))
    this.#expectOffset(answer)
  }

  /** Refused, and nothing has changed. */
  async #refused(answer: Answer, ...statuses: readonly number[]): Promise<void> {
    expectStatus(answer, ...statuses)
    await this.#status(this.#urls.length - 1)
  }

  /** After a wrong digest the session may be over, stand where it stood, or hold the last bytes too: it says which. */
  async #mismatched(answer: Answer, last: Buffer): Promise<void> {
    expectStatus(answer, 400)
    const status = expectStatus(await this.#client.get(this.#url(0)), 204, 404)
    this.#isOpen = status.status === 204
    if (!this.#isOpen) return
    const longer = Buffer.concat([this.#received, last])
    if (offsetOf(status) === longer.length) this.#received = longer
    this.#expectOffset(status)
  }

  #expectOffset(answer: Answer): void {
    const stands = this.#received.length
    // With nothing received "0-0" is all that can be said.
    if (offsetOf(answer) === stands || (stands === 0 && answer.header('range') === '0-0')) return
    throw new Error(`the session has ${answer.header('range')}, not ${stands} bytes`)
  }

  #url(position: number): string {
    return this.#urls[position % this.#urls.length] ?? ''
  }
}

function offsetOf(answer: Answer): number {
  return Number(/^0-(\d+)$/.exec(answer.header('range') ?? '')?.[1]) + 1
}

function bodyOf(bytes: Buffer, framing: Framing): Uint8Array | AsyncIterable<Uint8Array> {
  return framing === 'length' ? bytes : pieces(bytes, 9000)
}
