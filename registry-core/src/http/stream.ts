import type { ServerResponse } from 'node:http'
import { isRegistryError } from '../oci/failure.js'
import { errorCode } from '../store/fs.js'
import type { Content, StoredContent } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import { giveBack } from '../system/give-back.js'
import { ClientGone, isClientGone } from './body.js'

/** A head, and the bytes that belong to it. */
export interface StreamAnswer {
  readonly status: number
  readonly headers: string[]
  readonly source: AsyncIterable<Buffer>
  /** Undefined when nobody knows it before the end. */
  readonly sizeBytes: number | undefined
  /** What is quarantined when its bytes turn out to be damaged; undefined for what does not come from the store. */
  readonly content: StoredContent | undefined
  /** True when nobody else reads a piece's memory: it is freed when the socket has taken it. */
  readonly isOwn: (piece: Buffer) => boolean
}

/**
 * Sends a stream, one piece read ahead while the client takes the one before it; answers the bytes
 * that went out. The first piece is read before the head is written, so that a disk that fails at once, or a process
 * without descriptors, is a readable error.
 */
export async function sendStream(
  answer: StreamAnswer,
  outlet: { readonly response: ServerResponse; readonly signal: () => AbortSignal },
  options: { readonly content: Content; readonly clock: Clock; readonly idleMs: number },
): Promise<number> {
  const { response } = outlet
  const pieces = answer.source[Symbol.asyncIterator]()
  let sentBytes = 0
  try {
    let ahead = readAhead(pieces)
    for (;;) {
      const { done, value: piece } = await ahead
      if (done) break
      sentBytes += piece.length
      if (sentBytes === answer.sizeBytes) {
        // The source may still object: only its end says that all was right.
        const end = await pieces.next()
        if (!end.done) throw new WrongLength('longer')
        if (!response.headersSent) response.writeHead(answer.status, answer.headers)
        response.end(piece)
        await finished(response, options)
        return sentBytes
      }
      ahead = readAhead(pieces)
      if (!response.headersSent) response.writeHead(answer.status, answer.headers)
      if (!response.write(piece, freeing(answer, piece))) await drained(response, options)
    }
    if (answer.sizeBytes !== undefined && answer.sizeBytes > 0) throw new WrongLength('shorter')
    if (!response.headersSent) response.writeHead(answer.status, answer.headers)
    response.end()
    await finished(response, options)
    return sentBytes
  } catch (error) {
    await pieces.return?.()
    if (!outlet.signal().aborted) await giveUp(error, answer, options.content)
    throw error
  }
}

/** After a failure it is left to the collector: the system may not be done with it. */
function freeing({ isOwn }: StreamAnswer, piece: Buffer): (error?: Error | null) => void {
  return (error) => {
    if (!error && isOwn(piece)) giveBack([piece])
  }
}

class WrongLength extends Error {
  readonly code = 'WRONG_LENGTH'

  constructor(how: 'longer' | 'shorter') {
    super(`the content is ${how} than was said before`)
  }
}

function readAhead(pieces: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> {
  const ahead = pieces.next()
  ahead.catch(() => undefined) // awaited later, or never when the client goes first
  return ahead
}

/** Takes away what cannot be read, or is not what it should be; a process that merely lacks descriptors takes nothing away. */
async function giveUp(error: unknown, { content }: StreamAnswer, store: Content): Promise<void> {
  if (content === undefined || isClientGone(error) || isRegistryError(error)) return
  const code = errorCode(error)
  if (code === 'EIO' || code === 'WRONG_LENGTH' || code === 'WRONG_DIGEST')
    await store.quarantine(content, Error.isError(error) ? error.message : code)
}

function drained(response: ServerResponse, options: { clock: Clock; idleMs: number }): Promise<void> {
  return event('drain', response, options)
}

/** Until the system has taken all of it; a client that goes before is no failure of ours. */
function finished(response: ServerResponse, options: { clock: Clock; idleMs: number }): Promise<void> {
  return response.writableFinished ? Promise.resolve() : event('finish', response, options)
}

function event(
  name: 'drain' | 'finish',
  response: ServerResponse,
  { clock, idleMs }: { clock: Clock; idleMs: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopTimer = clock.after(idleMs, () => response.destroy())
    const settle = (): void => {
      stopTimer()
      response.off(name, settle)
      response.off('close', settle)
      if (response.writableFinished || !response.destroyed) resolve()
      else reject(new ClientGone('the client has gone before it had everything'))
    }
    if (response.destroyed) settle()
    else response.on(name, settle).on('close', settle)
  })
}
