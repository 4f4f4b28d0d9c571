import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually, pushBlob, randomBlob, readUntil, startEdge, type TestEdge } from './edge.js'

let edge: TestEdge
beforeAll(async () => {
  edge = await startEdge()
})
afterAll(() => edge.close())

/** Sends bytes as they are, and answers what came back before the connection ended. */
async function raw(text: string): Promise<string> {
  const socket = await edge.connect()
  socket.write(Buffer.from(text, 'latin1'))
  const answer = await readUntil(
    socket,
    (soFar) => /\r\n\r\n(\{.*\})?$/s.test(soFar) && !soFar.includes(' 100 '),
  )
  socket.destroy()
  return answer
}

function lines(...text: string[]): string {
  return `${text.join('\r\n')}\r\n\r\n`
}

function expectRefusal(answer: string, status: number): void {
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(answer.toLowerCase()).toContain('content-type: application/json')
  expect(answer).toMatch(/\{"errors":\[\{"code":"[A-Z_]+","message":"[^"]+/)
}

describe('a request that is not what it should be', () => {
  test.each([
    ['two Host headers', ['GET /v2/ HTTP/1.1', 'Host: a', 'Host: b']],
    ['no Host header', ['GET /v2/ HTTP/1.1', 'A: b']],
    [
      'two Authorization headers',
      ['GET /v2/ HTTP/1.1', 'Host: a', 'Authorization: Basic YTph', 'Authorization: Basic Yjpi'],
    ],
    ['a raw # in its target', ['GET /v2/#x HTTP/1.1', 'Host: a']],
    ['an absolute target', ['GET http://evil/v2/ HTTP/1.1', 'Host: a']],
    ['an asterisk for a target', ['OPTIONS * HTTP/1.1', 'Host: a']],
    [
      'a length and a transfer coding',
      ['POST /v2/a/blobs/uploads/ HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Transfer-Encoding: chunked'],
    ],
    [
      'two lengths',
      ['POST /v2/a/blobs/uploads/ HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Content-Length: 2'],
    ],
    ['a length that is none', ['POST /v2/a/blobs/uploads/ HTTP/1.1', 'Host: a', 'Content-Length: 1 2']],
    [
      'an unknown transfer coding',
      ['POST /v2/a/blobs/uploads/ HTTP/1.1', 'Host: a', 'Transfer-Encoding: xchunked'],
    ],
    ['a space before the colon', ['GET /v2/ HTTP/1.1', 'Host: a', 'Name : b']],
    ['no HTTP at all', ['\x16\x03\x01\x00']],
    ['bytes beyond ASCII', ['GET /v2/\xfc HTTP/1.1', 'Host: a']],
    ['a part ..', ['GET /v2/x/../../admin HTTP/1.1', 'Host: a']],
  ])('with %s is refused as an OCI registry refuses', async (_what, request) => {
    expectRefusal(await raw(lines(...request)), 400)
  })

  test('is counted and written down, though there was no request', async () => {
    const before = edge.refusals.length
    await raw('nonsense\r\n\r\n')
    expect(edge.refusals.slice(before)).toEqual([
      { remoteAddress: '127.0.0.1', status: 400, why: expect.stringMatching(/^HPE_/) },
    ])
  })

  test('expecting what nobody knows is 417', async () => {
    const socket = await edge.connect()
    socket.write(lines('GET /v2/ HTTP/1.1', 'Host: a', 'Expect: bananas'))
    const text = await readUntil(socket)
    expect(text).toMatch(/^HTTP\/1.1 417 [^]*"errors":\[/)
  })

  test('with line ends of CR alone is refused', async () => {
    expectRefusal(await raw('GET /v2/ HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n'), 400)
  })

  test('with too many headers is 431, with too long a target 414', async () => {
    expectRefusal(await raw(lines('GET /v2/ HTTP/1.1', 'Host: a', `X: ${'x'.repeat(100_000)}`)), 431)
    expectRefusal(await raw(lines(`GET /v2/?a=${'x'.repeat(9000)} HTTP/1.1`, 'Host: a')), 414)
  })

  test('with a chunk extension of 64 KiB is refused', async () => {
    const head = lines('PATCH /v2/a/blobs/uploads/x HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')
    expect(await raw(`${head}1;${'x'.repeat(65_536)}\r\na\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1.1 (404|413|400) /)
  })

  test.each(['__proto__', 'constructor', 'toString'])(
    'with a header named %s is answered as usual',
    async (name) => {
      expect(await raw(lines('GET /v2/ HTTP/1.1', 'Host: a', `${name}: x`))).toMatch(/^HTTP\/1.1 200 /)
    },
  )

  test('with headers that nginx owns changes nothing', async () => {
    const blob = randomBlob(10)
    await pushBlob(edge, 'a', blob)
    const headers = {
      'x-accel-redirect': '/_blobs/x',
      'x-entrepot-view': 'mirror',
      forwarded: 'host=evil',
      'x-forwarded-host': 'evil',
    }
    const answer = await edge.send('GET', `/v2/a/blobs/${blob.digest}`, { headers })
    expect([answer.status, answer.body]).toEqual([200, blob.bytes])
    const upload = await edge.send('POST', '/v2/a/blobs/uploads/', { headers })
    expect(upload.headers['location']).toMatch(/^\/v2\/a\/blobs\/uploads\//)
  })

  test.each([
    ['PUT', '/v2/', 'GET, HEAD'],
    ['DELETE', '/v2/a/tags/list', 'GET, HEAD'],
    ['PATCH', '/v2/a/manifests/x', 'DELETE, GET, HEAD, PUT'],
    ['GET', '/v2/a/blobs/uploads/', 'POST'],
    ['PURGE', '/v2/a/tags/list', 'GET, HEAD'],
  ])('%s %s is refused, and told what is allowed', async (method, target, allow) => {
    const answer = await edge.send(method, target)
    expect([answer.status, answer.code, answer.headers['allow']]).toEqual([405, 'UNSUPPORTED', allow])
  })

  test.each([
    ['/v2/a/tags/list?ns=quay.io', 404, 'NAME_UNKNOWN'],
    ['/foo', 404, 'NAME_UNKNOWN'],
    ['/metrics', 404, 'NAME_UNKNOWN'],
  ])('%s is %i', async (target, status, code) => {
    const answer = await edge.send('GET', target)
    expect([answer.status, answer.code]).toEqual([status, code])
  })
})

describe('the base of the API', () => {
  test('answers as registry:2 does', async () => {
    expect((await edge.send('GET', '/')).status).toBe(200)
    const moved = await edge.send('GET', '/v2')
    expect([moved.status, moved.headers['location']]).toEqual([301, '/v2/'])
    const version = await edge.send('GET', '/v2/')
    expect([version.status, version.body.toString()]).toEqual([200, '{}'])
    expect(version.headers['docker-distribution-api-version']).toBe('registry/2.0')
    const options = await edge.send('OPTIONS', '/v2/a/manifests/x')
    expect([options.status, options.headers['allow'], options.body.length]).toEqual([
      200,
      'DELETE, GET, HEAD, PUT',
      0,
    ])
  })

  test('says where an answer comes from, errors too', async () => {
    for (const target of ['/v2/', '/v2/none/tags/list', '/v2/A/tags/list', '/nothing'])
      expect((await edge.send('GET', target)).headers).toMatchObject({
        'x-entrepot-origin': 'local',
        'x-cache': 'bypass',
      })
  })

  test('says that it lives and that it is ready', async () => {
    expect((await edge.send('GET', '/healthz')).status).toBe(200)
    const ready = await edge.send('GET', '/readyz')
    expect([ready.status, JSON.parse(ready.body.toString())]).toEqual([
      200,
      { status: 'ready', warnings: [] },
    ])
  })
})

describe('a body that nobody wants', () => {
  test('is not asked for, when the client waits to be asked', async () => {
    const socket = await edge.connect()
    socket.write(
      lines(
        'PATCH /v2/a/blobs/uploads/none HTTP/1.1',
        'Host: a',
        'Content-Length: 1000000',
        'Expect: 100-continue',
      ),
    )
    const answer = await readUntil(socket)
    expect(answer).toMatch(/^HTTP\/1.1 404 /)
    expect(answer).toContain('Connection: close')
  })

  test('is asked for, when it is wanted', async () => {
    const { bytes, digest } = randomBlob(10)
    const socket = await edge.connect()
    socket.write(
      lines(
        `POST /v2/a/blobs/uploads/?digest=${digest} HTTP/1.1`,
        'Host: a',
        'Content-Length: 10',
        'Expect: 100-continue',
      ),
    )
    const answered = readUntil(socket, (text) => text.includes(' 201 ') && text.endsWith('\r\n\r\n'))
    await eventually(() => socket.bytesRead > 0)
    socket.write(bytes)
    expect(await answered).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 /)
    socket.destroy()
  })

  test('does not keep the answer from a client that goes on sending', async () => {
    const socket = await edge.connect()
    const answered = readUntil(socket, (text) => text.endsWith('}'))
    socket.write(lines('PATCH /v2/a/blobs/uploads/none HTTP/1.1', 'Host: a', 'Content-Length: 100000000'))
    for (let sent = 0; sent < 20; sent += 1) {
      socket.write(Buffer.alloc(100_000))
      await eventually(() => socket.writableLength === 0)
    }
    const answer = await answered
    expectRefusal(answer, 404)
    expect(answer).toContain('Connection: close')
    socket.destroy()
  })

  test('behind nginx costs no connection: nginx would lose the answer, and stops sending by itself', async () => {
    const headers = { 'x-entrepot-view': 'registry' }
    const body = Buffer.alloc(5_000_000)
    const answer = await edge.send('PATCH', '/v2/a/blobs/uploads/none', { behindNginx: true, headers, body })
    expect([answer.status, answer.code]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
    expect(answer.headers['connection']).not.toBe('close')
  })

  test('is dropped when it is small, and the connection goes on', async () => {
    const socket = await edge.connect()
    const request = lines('PATCH /v2/a/blobs/uploads/none HTTP/1.1', 'Host: a', 'Content-Length: 5')
    socket.write(`${request}abcde${lines('GET /v2/ HTTP/1.1', 'Host: a')}`)
    const answers = await readUntil(socket, (text) => text.endsWith('{}'))
    expect(answers).toMatch(/HTTP\/1.1 404 [^]*HTTP\/1.1 200 /)
    socket.destroy()
  })
})

describe('a body of a million single bytes', () => {
  test('is stored as one', async () => {
    const { bytes, digest } = randomBlob(100_000)
    const location = String((await edge.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
    const socket = await edge.connect()
    const answered = readUntil(socket, (text) => text.endsWith('\r\n\r\n'))
    socket.write(lines(`PUT ${location}?digest=${digest} HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked'))
    const chunks = [...bytes].map((byte) => Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a]))
    socket.write(Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]))
    expect(await answered).toMatch(/^HTTP\/1.1 201 /)
    socket.destroy()
  })
})
