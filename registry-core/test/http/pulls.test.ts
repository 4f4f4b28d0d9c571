import { openSync, closeSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Content } from '#core/store/store.js'
import { pushBlob, randomBlob, readUntil, startEdge, type TestEdge } from './edge.js'

let edge: TestEdge
/** What reading answers instead of the store's bytes, while a test wants that. */
let readError: { readonly code: string; readonly afterBytes: number } | undefined

beforeAll(async () => {
  edge = await startEdge({ wrapContent: withReadErrors })
})
afterAll(() => edge.close())

function withReadErrors(content: Content): Content {
  return new Proxy(content, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name !== 'read') return typeof value === 'function' ? value.bind(target) : value
      return async function* (...args: Parameters<Content['read']>) {
        let sent = 0
        for await (const piece of target.read(...args)) {
          if (readError && sent >= readError.afterBytes)
            throw Object.assign(new Error('injected'), { code: readError.code })
          sent += piece.length
          yield piece
        }
      }
    },
  })
}

describe('a blob', () => {
  const blob = randomBlob(100_000)
  const path = `/v2/team/app/blobs/${blob.digest}`
  beforeAll(() => pushBlob(edge, 'team/app', blob))

  test('comes whole, with what caches and browsers must know', async () => {
    const answer = await edge.send('GET', path)
    expect([answer.status, answer.body]).toEqual([200, blob.bytes])
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '100000',
      'docker-content-digest': blob.digest,
      'docker-distribution-api-version': 'registry/2.0',
      etag: `"${blob.digest}"`,
      'accept-ranges': 'bytes',
      'cache-control': 'max-age=31536000',
      'content-disposition': 'attachment',
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
      'x-entrepot-origin': 'local',
      'x-cache': 'hit',
    })
  })

  test('answers HEAD with the same head and no body', async () => {
    const [got, head] = [await edge.send('GET', path), await edge.send('HEAD', path)]
    const differing = ['date', 'x-request-id', 'connection', 'keep-alive'] // undici closes after a HEAD
    const comparable = (headers: object): object =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => !differing.includes(name)))
    expect(comparable(head.headers)).toEqual(comparable(got.headers))
    expect(head.body.length).toBe(0)
  })

  test.each([
    ['bytes=0-9', 0, 9],
    ['bytes=99990-', 99_990, 99_999],
    ['bytes=-10', 99_990, 99_999],
    ['bytes=50-200000', 50, 99_999],
    ['bytes=10-19,30-39', 10, 39],
  ])('comes in parts: %s', async (range, first, last) => {
    const answer = await edge.send('GET', path, { headers: { range } })
    expect(answer.status).toBe(206)
    expect(answer.headers['content-range']).toBe(`bytes ${first}-${last}/100000`)
    expect(answer.headers['content-length']).toBe(`${last - first + 1}`)
    expect(answer.body).toEqual(blob.bytes.subarray(first, last + 1))
  })

  test.each(['bytes=100000-', 'bytes=9-5', 'bytes=-0'])('has no part %s', async (range) => {
    const answer = await edge.send('GET', path, { headers: { range } })
    expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */100000'])
    expect(Number(answer.headers['content-length'])).toBe(answer.body.length)
  })

  test('comes whole when If-Range names something else, in part when it names this', async () => {
    const other = await edge.send('GET', path, { headers: { range: 'bytes=0-9', 'if-range': '"x"' } })
    expect(other.status).toBe(200)
    const same = await edge.send('GET', path, {
      headers: { range: 'bytes=0-9', 'if-range': `"${blob.digest}"` },
    })
    expect(same.status).toBe(206)
  })

  test.each([`"${blob.digest}"`, `W/"${blob.digest}"`, `"x", "${blob.digest}"`, '*'])(
    'is not sent again to who has %s',
    async (condition) => {
      for (const method of ['GET', 'HEAD']) {
        const answer = await edge.send(method, path, { headers: { 'if-none-match': condition } })
        expect([answer.status, answer.body.length, answer.headers['etag']]).toEqual([
          304,
          0,
          `"${blob.digest}"`,
        ])
      }
    },
  )

  test('is unknown in every other repository', async () => {
    for (const method of ['GET', 'HEAD'])
      expect((await edge.send(method, path.replace('team/app', 'team/other'))).status).toBe(404)
  })

  test('is gone at once after DELETE, a second one is 404', async () => {
    const other = randomBlob(10)
    await pushBlob(edge, 'team/app', other)
    const target = `/v2/team/app/blobs/${other.digest}`
    expect((await edge.send('DELETE', target)).status).toBe(202)
    expect((await edge.send('GET', target)).code).toBe('BLOB_UNKNOWN')
    expect((await edge.send('DELETE', target)).status).toBe(404)
  })
})

describe('behind nginx', () => {
  const blob = randomBlob(1000)
  const path = `/v2/team/app/blobs/${blob.digest}`
  const hex = blob.digest.slice('sha256:'.length)
  beforeAll(() => pushBlob(edge, 'team/app', blob))

  test.each([{}, { range: 'bytes=5-9' }])('a GET with %j is left to nginx', async (headers) => {
    const answer = await edge.send('GET', path, { behindNginx: true, headers })
    expect([answer.status, answer.body.length]).toEqual([200, 0])
    expect(answer.headers['x-accel-redirect']).toBe(`/_blobs/sha256/${hex.slice(0, 2)}/${hex}/data`)
    expect(answer.headers['docker-content-digest']).toBe(blob.digest)
  })

  test.each([
    ['If-Range', { range: 'bytes=5-9', 'if-range': `"${blob.digest}"` }, 206],
    ['several ranges', { range: 'bytes=1-2,5-9' }, 206],
    ['nginx having failed', { 'x-entrepot-no-accel': '1' }, 200],
    ['an end beyond what nginx counts', { range: `bytes=5-${'9'.repeat(20)}` }, 206],
    ['a range that is none', { range: 'bytes=2000-' }, 416],
  ])('a GET with %s is answered by the core', async (_why, headers, status) => {
    const answer = await edge.send('GET', path, { behindNginx: true, headers })
    expect(answer.status).toBe(status)
    expect(answer.headers['x-accel-redirect']).toBeUndefined()
  })

  test('a HEAD is a promise, and always the answer of the core', async () => {
    const answer = await edge.send('HEAD', path, { behindNginx: true })
    expect([answer.status, answer.headers['content-length']]).toEqual([200, '1000'])
    expect(answer.headers['x-accel-redirect']).toBeUndefined()
  })

  test('a view that is not served is refused, and so is none at all', async () => {
    for (const view of ['console', ''])
      expect(
        (await edge.send('GET', path, { behindNginx: true, headers: { 'x-entrepot-view': view } })).status,
      ).toBe(400)
  })

  test('the request id is taken from nginx, and from nobody else', async () => {
    const headers = { 'x-request-id': '0123456789abcdef', 'x-real-ip': '10.9.8.7' }
    const behind = await edge.send('GET', path, { behindNginx: true, headers })
    expect(behind.headers['x-request-id']).toBe('0123456789abcdef')
    expect(edge.outcomes.at(-1)?.peer.remoteAddress).toBe('10.9.8.7')
    const direct = await edge.send('GET', path, { headers })
    expect(direct.headers['x-request-id']).not.toBe('0123456789abcdef')
    expect(edge.outcomes.at(-1)?.peer.remoteAddress).toBe('127.0.0.1')
  })
})

describe('a blob that nobody has hashed yet', () => {
  /** As registry:2 would have left it: no lease beside the data. */
  async function adopted(
    sizeBytes: number,
  ): Promise<{ path: string; folder: string; digest: string; bytes: Buffer }> {
    const blob = randomBlob(sizeBytes)
    await pushBlob(edge, 'old/app', blob)
    const hex = blob.digest.slice('sha256:'.length)
    const folder = join(edge.root, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex)
    rmSync(join(folder, 'lease'))
    return { ...blob, folder, path: `/v2/old/app/blobs/${blob.digest}` }
  }

  function damage(folder: string): void {
    const file = openSync(join(folder, 'data'), 'r+')
    writeSync(file, 'damaged', 3)
    closeSync(file)
  }

  test.each([10, 65_536, 65_537, 3_000_000])(
    'of %i bytes is hashed on its way, then trusted',
    async (size) => {
      const blob = await adopted(size)
      const first = await edge.send('GET', blob.path, { behindNginx: true })
      expect([first.status, first.headers['x-accel-redirect']]).toEqual([200, undefined])
      expect(first.body.equals(blob.bytes)).toBe(true)
      expect(readdirSync(blob.folder)).toContain('lease')
      const second = await edge.send('GET', blob.path, { behindNginx: true })
      expect(second.headers['x-accel-redirect']).toBeDefined()
    },
  )

  test('comes in parts without being trusted for it', async () => {
    const blob = await adopted(1000)
    const answer = await edge.send('GET', blob.path, { headers: { range: 'bytes=0-9' } })
    expect([answer.status, answer.body]).toEqual([206, blob.bytes.subarray(0, 10)])
    expect(readdirSync(blob.folder)).not.toContain('lease')
  })

  test('is never complete when it is wrong: the connection ends before the last bytes, and it is gone', async () => {
    const blob = await adopted(3_000_000)
    damage(blob.folder)
    const socket = await edge.connect()
    socket.write(`GET ${blob.path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const text = await readUntil(socket)
    expect(text).toContain('200 OK')
    expect(text.length).toBeLessThan(3_000_000 - 60_000)
    expect((await edge.send('GET', blob.path)).code).toBe('BLOB_UNKNOWN')
    expect(readdirSync(join(edge.root, 'entrepot/quarantine/sha256')).join()).toContain(blob.digest.slice(7))
  })

  test('is 404 at once when it is small and wrong; a push heals', async () => {
    const blob = await adopted(500)
    damage(blob.folder)
    expect((await edge.send('GET', blob.path)).code).toBe('BLOB_UNKNOWN')
    await pushBlob(edge, 'old/app', blob)
    expect((await edge.send('GET', blob.path)).body).toEqual(blob.bytes)
  })
})

describe('a disk that fails', () => {
  test.each([
    ['EMFILE', 503, true],
    ['EIO', 503, false],
  ])('with %s before the first byte is a readable error', async (code, status, staysThere) => {
    const blob = randomBlob(100_000)
    await pushBlob(edge, 'team/app', blob)
    readError = { code, afterBytes: 0 }
    const refused = await edge.send('GET', `/v2/team/app/blobs/${blob.digest}`)
    readError = undefined
    expect([refused.status, refused.code]).toEqual([status, 'UNAVAILABLE'])
    const after = await edge.send('GET', `/v2/team/app/blobs/${blob.digest}`)
    expect(after.status).toBe(staysThere ? 200 : 404)
  })

  test('with EIO in the middle breaks the connection, and the blob is taken away', async () => {
    const blob = randomBlob(3_000_000)
    await pushBlob(edge, 'team/app', blob)
    readError = { code: 'EIO', afterBytes: 1_000_000 }
    const socket = await edge.connect()
    socket.write(`GET /v2/team/app/blobs/${blob.digest} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const text = await readUntil(socket)
    readError = undefined
    expect(text.length).toBeLessThan(3_000_000)
    expect(edge.outcomes.at(-1)).toMatchObject({ outcome: 'cut' })
    expect((await edge.send('GET', `/v2/team/app/blobs/${blob.digest}`)).status).toBe(404)
  })

  test('is not suspected when the client leaves in the middle', async () => {
    const blob = randomBlob(30_000_000)
    await pushBlob(edge, 'team/app', blob)
    const socket = await edge.connect()
    socket.write(`GET /v2/team/app/blobs/${blob.digest} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await readUntil(socket, (text) => text.length > 100_000)
    socket.destroy()
    const whole = await edge.send('GET', `/v2/team/app/blobs/${blob.digest}`)
    expect(whole.body.equals(blob.bytes)).toBe(true)
    expect(edge.outcomes.some(({ outcome }) => outcome === 'client-gone')).toBe(true)
  })
})
