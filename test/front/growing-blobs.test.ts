import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { expect, test } from '@jest/globals'

import { connectTo } from '../support/processes.js'
import { lines, parseAnswers } from '../support/raw-http.js'
import { http2ToItsEnd } from './http2-request.js'
import { describeFront } from './suite.js'

const MIB = 1024 * 1024
/** What the core holds back of a blob until its digest is verified. */
const HELD_BACK = 64 * 1024
/** Its first byte is none of a header or of a chunk's length. */
const FIRST = Buffer.from([0xff])
const BLOB = Buffer.concat([FIRST, randomBytes(3 * MIB - 1)])
const TARGET = `/v2/a/blobs/sha256:${'a'.repeat(64)}`

const HEADERS = { 'content-type': 'application/octet-stream', 'x-accel-buffering': 'no' }
const WITH_LENGTH = { ...HEADERS, 'content-length': BLOB.length }
const AS_RANGE = { ...WITH_LENGTH, 'content-range': `bytes 5-${BLOB.length + 4}/${BLOB.length + 5}` }

/** How far the core has come when it finds that the upstream lied. */
const BREAKS: readonly (readonly [string, number, Readonly<Record<string, string | number>>, number])[] = [
  ['the headers', 200, WITH_LENGTH, 0],
  ['one byte', 200, WITH_LENGTH, 1],
  ['all but what it holds back', 200, WITH_LENGTH, BLOB.length - HELD_BACK],
  ['all but one byte', 200, WITH_LENGTH, BLOB.length - 1],
  ['some of a range', 206, AS_RANGE, MIB],
  ['one byte of a body without a length', 200, HEADERS, 1],
  ['all of a body without a length but its end', 200, HEADERS, BLOB.length],
]

describeFront('a blob that the core sends as it comes', {}, (front) => {
  function breakAfter(status: number, headers: Readonly<Record<string, string | number>>, bytes: number) {
    front.core.next((_, response) => {
      response.writeHead(status, headers)
      response.flushHeaders()
      const cut = (): void => void response.destroy()
      if (bytes === 0) setImmediate(cut)
      else response.write(BLOB.subarray(0, bytes), cut)
    })
  }

  /** The core sends one byte, and the others once somebody has it. */
  function waitAfterOneByte(headers: Readonly<Record<string, string | number>>): () => void {
    const arrived = Promise.withResolvers<void>()
    front.core.next(async (_, response) => {
      response.writeHead(200, headers)
      response.write(FIRST)
      await arrived.promise
      response.end(BLOB.subarray(1))
    })
    return arrived.resolve
  }

  async function ask(): Promise<Socket> {
    const socket = await connectTo({ port: front.nginx.httpPort })
    socket.write(lines(`GET ${TARGET} HTTP/1.1`, 'Host: a'))
    return socket
  }

  /** All bytes until the server closes the connection; a reset counts as closing. */
  async function bytesUntilClosed(socket: Socket): Promise<Buffer> {
    const received: Buffer[] = []
    const closed = Promise.withResolvers<void>()
    socket.on('data', (piece: Buffer) => received.push(piece))
    socket.on('error', () => undefined)
    socket.on('close', () => closed.resolve())
    await closed.promise
    return Buffer.concat(received)
  }

  test.each(BREAKS)('and breaks off after %s is never complete over HTTP/1.1', async (_, ...how) => {
    breakAfter(...how)
    const received = await bytesUntilClosed(await ask())
    expect(received.subarray(0, 12).toString()).toBe(`HTTP/1.1 ${how[0]}`)
    expect(parseAnswers(received, ['GET'])).toEqual([])
  })

  test.each(BREAKS)('and breaks off after %s is reset by nginx over HTTP/2', async (_, ...how) => {
    breakAfter(...how)
    const ending = await http2ToItsEnd(front.nginx, { ':path': TARGET })
    expect(ending).toMatchObject({ status: how[0], isWhole: false, errorCode: 2 })
    expect(BLOB.subarray(0, ending.received.length).equals(ending.received)).toBe(true)
  })

  test.each([
    ['', WITH_LENGTH],
    [' without a length', HEADERS],
  ])('reaches a client over HTTP/1.1 from the first byte on%s', async (_, headers) => {
    const arrived = waitAfterOneByte(headers)
    const socket = await ask()
    let received = Buffer.alloc(0)
    for await (const piece of socket) {
      received = Buffer.concat([received, piece as Buffer])
      if (received.includes(FIRST)) arrived()
      if (received.length > BLOB.length && parseAnswers(received, ['GET']).length > 0) break
    }
    expect(parseAnswers(received, ['GET'])[0]?.body.equals(BLOB)).toBe(true)
  })

  test.each([
    ['', WITH_LENGTH],
    [' without a length', HEADERS],
  ])('reaches a client over HTTP/2 from the first byte on%s', async (_, headers) => {
    const arrived = waitAfterOneByte(headers)
    const ending = await http2ToItsEnd(front.nginx, { ':path': TARGET }, arrived)
    expect(ending).toMatchObject({ status: 200, isWhole: true, errorCode: 0 })
    expect(ending.received.equals(BLOB)).toBe(true)
  })

  test('tells no client how nginx is to treat it', async () => {
    front.core.next((_, response) => void response.writeHead(200, HEADERS).end('x'))
    const answer = await front.ask(TARGET)
    expect(answer.header('x-accel-buffering')).toBeUndefined()
  })
})
