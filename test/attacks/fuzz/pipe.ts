import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

import type { Asked } from './any-target.js'

export interface PipedAnswer {
  readonly status: number
  readonly body: Buffer
}

/** An answer takes no longer than that, whatever was asked. */
const PATIENCE_MS = 30_000

/**
 * Sends these one behind the other on one connection without waiting, and answers what came, in their order: fewer than
 * were asked where the server has closed the connection before.
 */
export async function askAll(port: number, asked: readonly Asked[]): Promise<readonly PipedAnswer[]> {
  const socket = connect({ host: '127.0.0.1', port })
  socket.setTimeout(PATIENCE_MS, () => socket.destroy())
  socket.on('error', () => undefined) // a reset is an answer too: 'close' follows
  await once(socket, 'connect')
  const answers = readAnswers(socket, asked)
  socket.write(asked.map(requestOf).join(''), 'latin1')
  return answers
}

function requestOf({ method, target }: Asked): string {
  return `${method} ${target} HTTP/1.1\r\nHost: fuzz\r\nContent-Length: 0\r\n\r\n`
}

async function readAnswers(socket: Socket, asked: readonly Asked[]): Promise<readonly PipedAnswer[]> {
  const answers: PipedAnswer[] = []
  let rest: Buffer = Buffer.alloc(0)
  const over = new Promise<void>((resolve) => {
    socket.on('close', () => resolve())
    socket.on('data', (piece: Buffer) => {
      rest = rest.length === 0 ? piece : Buffer.concat([rest, piece])
      for (;;) {
        const found = firstAnswer(rest, asked[answers.length]?.method ?? 'GET')
        if (found === undefined) return
        rest = rest.subarray(found.end)
        answers.push(found.answer)
        if (answers.length === asked.length) return resolve()
      }
    })
  })
  await over
  socket.destroy()
  return answers
}

function firstAnswer(bytes: Buffer, method: string): { answer: PipedAnswer; end: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = bytes.toString('latin1', 0, headEnd)
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1])
  if (Number.isNaN(status)) throw new Error(`not an answer: ${head.slice(0, 200)}`)
  if (/^transfer-encoding:/im.test(head)) throw new Error(`nobody reads chunks here: ${head.slice(0, 400)}`)
  const isBare = method === 'HEAD' || status === 204 || status === 304
  const length = isBare ? 0 : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
  const end = headEnd + 4 + length
  if (bytes.length < end) return undefined
  return { answer: { status, body: bytes.subarray(headEnd + 4, end) }, end }
}
