import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { watch } from 'node:fs'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'

import { connectTo } from '../support/processes.js'
import { lines, sendRaw } from '../support/raw-http.js'
import { http2Request } from './http2-request.js'
import { describeFront } from './suite.js'

const MIB = 1024 * 1024
const BLOCK = randomBytes(MIB)
const BLOCKS = 48
const DIGEST = digestOfBlocks()
const HEAD = ['PATCH /v2/a/blobs/uploads/1 HTTP/1.1', 'Host: a', 'Connection: close']

function digestOfBlocks(): string {
  const hash = createHash('sha256')
  for (let block = 0; block < BLOCKS; block++) hash.update(BLOCK)
  return hash.digest('hex')
}

describeFront('a body', {}, (front) => {
  /** The core answers with the digest of what it got, and says when the first byte was there. */
  function hashing(): { readonly firstByte: Promise<void> } {
    const first = Promise.withResolvers<void>()
    front.core.next((request, response) => {
      const hash = createHash('sha256')
      request.on('data', (piece: Buffer) => {
        first.resolve()
        hash.update(piece)
      })
      request.on('end', () => response.writeHead(202).end(hash.digest('hex')))
    })
    return { firstByte: first.promise }
  }

  /** The first block, a wait for something, then the rest. */
  async function* blocks(until: Promise<void>, frame: (piece: Buffer) => Buffer): AsyncGenerator<Uint8Array> {
    yield frame(BLOCK)
    await until
    for (let block = 1; block < BLOCKS; block++) yield frame(BLOCK)
  }

  async function* request(
    head: string,
    body: AsyncIterable<Uint8Array>,
    end = '',
  ): AsyncGenerator<Uint8Array> {
    yield Buffer.from(head)
    yield* body
    if (end) yield Buffer.from(end)
  }

  /** Every file that appears in nginx's temporary folders while something is done, even if it goes at once. */
  async function filesWritten(work: () => Promise<void>): Promise<readonly string[]> {
    const seen: string[] = []
    const folders = ['body', 'proxy'].map((name) => path.join(front.nginx.prefix, 'temp', name))
    const watchers = folders.map((folder) => watch(folder, (_, file) => seen.push(`${folder}/${file}`)))
    try {
      await work()
      return seen
    } finally {
      for (const watcher of watchers) watcher.close()
    }
  }

  test('of known length reaches the core while it is still being sent, and no disk', async () => {
    const { firstByte } = hashing()
    const files = await filesWritten(async () => {
      const head = lines(...HEAD, `Content-Length: ${BLOCKS * MIB}`)
      const socket = await connectTo({ port: front.nginx.httpPort })
      const body = request(
        head,
        blocks(firstByte, (piece) => piece),
      )
      const { answers } = await sendRaw(socket, body, { answers: 1, waitMs: 30_000 })
      expect(answers[0]?.status).toBe(202)
      expect(answers[0]?.body.toString()).toBe(DIGEST)
    })
    expect(files).toEqual([])
  })

  test('in chunks reaches the core while it is still being sent, and no disk', async () => {
    const { firstByte } = hashing()
    const frame = (piece: Buffer): Buffer =>
      Buffer.concat([Buffer.from('100000\r\n'), piece, Buffer.from('\r\n')])
    const files = await filesWritten(async () => {
      const socket = await connectTo({ port: front.nginx.httpPort })
      const body = request(
        lines(...HEAD, 'Transfer-Encoding: chunked'),
        blocks(firstByte, frame),
        '0\r\n\r\n',
      )
      const { answers } = await sendRaw(socket, body, { answers: 1, waitMs: 30_000 })
      expect(answers[0]?.body.toString()).toBe(DIGEST)
    })
    expect(files).toEqual([])
  })

  test('over HTTP/2 reaches the core while it is still being sent, and no disk', async () => {
    const { firstByte } = hashing()
    const files = await filesWritten(async () => {
      const headers = { ':method': 'PATCH', ':path': '/v2/a/blobs/uploads/1' }
      const answer = await http2Request(
        front.nginx,
        headers,
        blocks(firstByte, (piece) => piece),
      )
      expect(answer.headers[':status']).toBe(202)
      expect(answer.body.toString()).toBe(DIGEST)
    })
    expect(files).toEqual([])
  })

  test('that is awaited with Expect: 100-continue is asked for', async () => {
    hashing()
    const socket = await connectTo({ port: front.nginx.httpPort })
    const continued = new Promise<void>((resolve) => {
      socket.on('data', (piece: Buffer) => {
        if (piece.includes('100 Continue')) resolve()
      })
    })
    async function* patient(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(lines(...HEAD, 'Content-Length: 3', 'Expect: 100-continue'))
      await continued
      yield Buffer.from('abc')
    }
    const { answers } = await sendRaw(socket, patient(), { answers: 1 })
    expect(answers[0]?.body.toString()).toBe(createHash('sha256').update('abc').digest('hex'))
  })

  test('that the core streams reaches the client piece by piece, and no disk', async () => {
    const got = Promise.withResolvers<void>()
    front.core.next(async (_, response) => {
      response.writeHead(200, { 'content-length': BLOCKS * MIB })
      response.write('x')
      await got.promise // the client has the first byte before there is a second one
      response.end(Buffer.alloc(BLOCKS * MIB - 1))
    })
    const files = await filesWritten(async () => {
      const socket = await connectTo({ port: front.nginx.httpPort })
      socket.write(lines('GET /v2/ HTTP/1.1', 'Host: a', 'Connection: close'))
      let head = ''
      while (!head.endsWith('\r\n\r\nx')) {
        await once(socket, 'readable')
        head += String(socket.read() ?? '')
      }
      got.resolve()
      expect((await buffer(socket)).length).toBe(BLOCKS * MIB - 1)
    })
    expect(files).toEqual([])
  })
})
