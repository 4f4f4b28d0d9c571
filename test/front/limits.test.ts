import { once } from 'node:events'
import { expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { connectTo } from '../support/processes.js'
import { lines, sendRaw } from '../support/raw-http.js'
import { describeFront, errorOf } from './suite.js'

const MIB = 1024 * 1024
const PUT = ['PUT /v2/a/blobs/uploads/1 HTTP/1.1', 'Host: a']

async function* zeros(head: string, sizeBytes: number, chunked = false): AsyncGenerator<Uint8Array> {
  yield Buffer.from(head)
  const piece = Buffer.alloc(64 * 1024)
  for (let sent = 0; sent < sizeBytes; sent += piece.length) {
    yield chunked ? Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]) : piece
  }
  if (chunked) yield Buffer.from('0\r\n\r\n')
}

describeFront('a limit', { tls: false, settings: { maxUploadSize: '1m', timeoutSeconds: 1 } }, (front) => {
  test('of the body is told in an OCI error that names it and its setting', async () => {
    const before = front.core.seen.length
    const answer = await front.send(zeros(lines(...PUT, `Content-Length: ${3 * MIB}`), 3 * MIB))
    expect(answer.status).toBe(413)
    expect(errorOf(answer)).toMatchObject({
      code: 'SIZE_INVALID',
      message: expect.stringMatching(/1048576 bytes.*maxUploadSize/),
    })
    expect(front.core.seen).toHaveLength(before)
  })

  test('of the body holds for chunks too, and the core’s request breaks off', async () => {
    const broken = Promise.withResolvers<boolean>()
    front.core.next((request) => {
      request.on('close', () => broken.resolve(request.complete)).resume()
    })
    const answer = await front.send(zeros(lines(...PUT, 'Transfer-Encoding: chunked'), 3 * MIB, true))
    expect(answer.status).toBe(413)
    expect(errorOf(answer).message).toMatch(/1048576 bytes.*maxUploadSize/)
    expect(await broken.promise).toBe(false)
  })

  test('of the body lets through exactly what it says', async () => {
    const received = Promise.withResolvers<number>()
    front.core.next((request, response) => {
      let sizeBytes = 0
      request.on('data', (piece: Buffer) => {
        sizeBytes += piece.length
      })
      request.on('end', () => {
        received.resolve(sizeBytes)
        response.writeHead(201).end()
      })
    })
    const answer = await front.send(zeros(lines(...PUT, `Content-Length: ${MIB}`), MIB))
    expect(answer.status).toBe(201)
    expect(await received.promise).toBe(MIB)
  })

  test('of the target is 414', async () => {
    const answer = await front.ask(`/v2/a/manifests/v1?${'tag=some-longer-tag&'.repeat(2000)}`)
    expect(answer.status).toBe(414)
    expect(errorOf(answer).code).toBe('NAME_INVALID')
  })

  test('of the headers lets through the longest token that the core takes', async () => {
    front.core.next((request, response) => {
      response.writeHead(200).end(`${request.headers.authorization?.length}`)
    })
    const answer = await front.ask('/v2/', `Authorization: Bearer ${'t'.repeat(32 * 1024)}`)
    expect([answer.status, answer.body.toString()]).toEqual([200, `${32 * 1024 + 'Bearer '.length}`])
  })

  test('of the headers is 431', async () => {
    const answer = await front.ask('/v2/', `Range: bytes=${'0-0,'.repeat(10_000)}`)
    expect(answer.status).toBe(431)
    expect(errorOf(answer).code).toBe('UNSUPPORTED')
  })

  test('of the headers leaves room for a bearer token of 12 KiB', async () => {
    const answer = await front.ask('/v2/', `Authorization: Bearer ${'t'.repeat(12 * 1024)}`)
    expect(answer.status).toBe(200)
  })

  test('of time that the core passes is 504', async () => {
    const gone = Promise.withResolvers<void>()
    front.core.next((request) => void request.on('close', () => gone.resolve()))
    const answer = await front.ask('/v2/')
    expect(answer.status).toBe(504)
    expect(errorOf(answer)).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('1 second'),
    })
    await gone.promise
  })

  test('that nginx enforces keeps the core’s own errors as they are', async () => {
    for (const status of [400, 404, 405, 413, 416, 429, 500, 502, 503, 507]) {
      front.core.next((_, response) => {
        response
          .writeHead(status, { 'content-type': 'application/json', 'x-own': 'yes' })
          .end(`{"own":${status}}`)
      })
      const answer = await front.ask('/v2/')
      expect([answer.status, answer.header('x-own'), answer.body.toString()]).toEqual([
        status,
        'yes',
        `{"own":${status}}`,
      ])
    }
  })

  test('of several ranges at once is one: nginx never puts a blob together out of many', async () => {
    const digest = front.core.put(Buffer.alloc(1000))
    const ranges = Array.from({ length: 1000 }, (_, at) => `${at}-${at}`).join(',')
    const answer = await front.ask(`/v2/a/blobs/${digest}`, `Range: bytes=${ranges}`)
    expect(answer.status).toBe(200)
    expect(answer.body).toHaveLength(1000)
  })
})

describeFront('a client that is refused', { tls: false }, (front) => {
  test.each(['docker/0.9.1', 'docker/1.5.0 go/go1.4', 'docker/1.0.1', 'Go 1.1 package http'])(
    '%s gets 404 and a word why',
    async (agent) => {
      const before = front.core.seen.length
      const answer = await front.ask('/v2/', `User-Agent: ${agent}`)
      expect(answer.status).toBe(404)
      expect(errorOf(answer).message).toMatch(/Docker before 1\.6/)
      expect(front.core.seen).toHaveLength(before)
    },
  )

  test.each([
    'docker/1.6.0 go/go1.4',
    'docker/1.5.0-dev go/go1.4',
    'docker/1.10.3',
    'docker/1.50.0',
    'docker/20.10.24',
    'docker/28.5.2',
    'Go-http-client/1.1',
    'containerd/1.6.20',
  ])('%s is none of them', async (agent) => {
    expect((await front.ask('/v2/', `User-Agent: ${agent}`)).status).toBe(200)
  })

  test('without a core gets 502 on every try, and is served again as soon as one is back', async () => {
    // A core that closes each connection is, for nginx, one that is not there.
    for (let times = 0; times < 3; times++) {
      front.core.next((request) => void request.socket.destroy())
      front.core.next((request) => void request.socket.destroy())
      const socket = await connectTo({ port: front.nginx.httpPort })
      const { answers } = await sendRaw(
        socket,
        lines('POST /v2/a/blobs/uploads/ HTTP/1.1', 'Host: a', 'Content-Length: 0'),
        {
          answers: 1,
        },
      )
      expect(answers[0]?.status).toBe(502)
    }
    await eventually('the core answers', async () => (await front.ask('/v2/')).status === 200)
  })

  test('before its body was read hears the answer all the same', async () => {
    front.core.next((_, response) => {
      response.writeHead(401).end('no') // leaving the connection to nginx: closed here, some would be 502
    })
    const socket = await connectTo({ port: front.nginx.httpPort })
    const { answers } = await sendRaw(socket, zeros(lines(...PUT, `Content-Length: ${20 * MIB}`), 20 * MIB), {
      answers: 1,
    })
    expect(answers[0]?.status).toBe(401)
    if (!socket.destroyed) await once(socket, 'close')
  })
})
