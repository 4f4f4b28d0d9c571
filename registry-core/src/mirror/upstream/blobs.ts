import type { Digest } from '../../oci/digest.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Client } from './client.js'
import type { Gate, Pace } from './transfers.js'
import { bodyFailure } from './network-failure.js'
import type { FetchedBlob } from './upstream.js'
import { isUpstreamFailure, UpstreamFailure } from './upstream-failure.js'
import type { UrlOrder } from './url-order.js'
import { discard, type WireAnswer } from './wire.js'

interface Parts {
  readonly client: Client
  readonly gate: Gate
  readonly pace: Pace
  readonly urls: UrlOrder
}

export interface BlobQuestion {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly first: number
  /** Known from a manifest: small ones go first. */
  readonly sizeBytes: number | undefined
  readonly signal: AbortSignal
}

/** HEAD of a blob; where that does not say the size, or a blob store takes no HEAD, the headers of a GET. */
export async function describeBlob(
  { client }: Parts,
  repository: RepositoryName,
  digest: Digest,
  signal: AbortSignal,
): Promise<{ readonly sizeBytes: number | undefined }> {
  const question = { repository, path: `blobs/${digest}`, signal }
  const head = client.ask({ ...question, method: 'HEAD' }, async (answer) => {
    discard(answer)
    return lengthOf(answer)
  })
  const sizeBytes = await head.catch((error: unknown) => {
    if (isUpstreamFailure(error) && error.trouble === 'denied') return undefined
    throw error
  })
  if (sizeBytes !== undefined) return { sizeBytes }
  return client.ask({ ...question, method: 'GET' }, async (answer) => {
    answer.body.destroy()
    return { sizeBytes: lengthOf(answer) }
  })
}

/** A place in the queue is taken before the request, and given back when the body has ended, however it ends. */
export async function fetchBlob(parts: Parts, question: BlobQuestion): Promise<FetchedBlob> {
  const { client, gate } = parts
  const { repository, digest, first, signal } = question
  const leave = await gate.enter(question, signal)
  try {
    return await client.ask(
      { method: 'GET', repository, path: `blobs/${digest}`, first, signal },
      async (answer, base) => {
        const range = rangeOf(answer, first)
        answer.body.once('close', leave)
        const bytes = bytesOf(parts, answer, { ...range, base, signal })
        return { ...range, body: closing(bytes, answer) }
      },
    )
  } catch (error) {
    leave()
    throw error
  }
}

/** What the body is, by its headers. @throws UpstreamFailure when it is not what was asked for */
function rangeOf(answer: WireAnswer, asked: number): Pick<FetchedBlob, 'first' | 'sizeBytes'> {
  if (answer.status === 200) return { first: 0, sizeBytes: lengthOf(answer) }
  const text = answer.header('content-range') ?? ''
  const [, first, last, size] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(text) ?? []
  const sizeBytes = size === undefined || size === '*' ? undefined : Number(size)
  const isAsked = Number(first) === asked && Number(last) >= asked && asked > 0
  if (isAsked && (sizeBytes === undefined || Number(last) < sizeBytes)) return { first: asked, sizeBytes }
  answer.body.destroy()
  throw new UpstreamFailure(
    'wrong-content',
    `${answer.url.host} was asked for the bytes from ${asked} on and answered other ones`,
    { status: answer.status },
  )
}

interface Body {
  readonly first: number
  readonly sizeBytes: number | undefined
  readonly base: URL
  readonly signal: AbortSignal
}

/** Whoever leaves before the first byte ends the transfer too: a generator that was not begun would not notice. */
function closing(bytes: AsyncGenerator<Buffer>, { body }: WireAnswer): AsyncIterable<Buffer> {
  const iterator: AsyncIterator<Buffer> = {
    next: () => bytes.next(),
    return() {
      body.destroy()
      return bytes.return(undefined)
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

async function* bytesOf({ pace, urls }: Parts, answer: WireAnswer, expected: Body): AsyncGenerator<Buffer> {
  const { first, sizeBytes, base, signal } = expected
  let at = first
  try {
    for await (const piece of answer.body) {
      const bytes: Buffer = piece
      at += bytes.length
      await pace.take(bytes.length, signal)
      yield bytes
    }
    if (sizeBytes === undefined || at === sizeBytes) return
    throw new UpstreamFailure(
      'cut',
      `${answer.url.host} announced ${sizeBytes} bytes and ended its answer at ${at}`,
    )
  } catch (error) {
    signal.throwIfAborted()
    urls.failed(base) // so that the rest is asked for at the next one
    throw bodyFailure(error, answer.url)
  }
}

function lengthOf(answer: WireAnswer): number | undefined {
  const length = answer.header('content-length')
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined
}
