import { describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { UpstreamSettings } from '#core/mirror/mirror-settings.js'
import { digestOfBytes } from '#core/oci/digest.js'
import { systemClock } from '#core/system/clock.js'
import { answer, manifest, MANIFEST_TYPE, manifestBytes, type Scene } from '../scripted-server.js'
import { ALPINE, BYTES, DIGEST, LATEST, MANIFEST, OTHER } from './alpine.js'
import { bytesOf, failureOf, inTime, open, settingsFor, troubleOf, useServer } from './opened.js'

const BLOB = Buffer.alloc(200_000, 'x')
const BLOB_DIGEST = digestOfBytes('sha256', BLOB)
const BLOB_PATH = `/v2/library/alpine/blobs/${BLOB_DIGEST}`
/** So short that a test need not wait, so long that a slow machine keeps them. */
const TIMEOUTS = { connectMs: 2000, headersMs: 900, idleMs: 900, smallBodyMs: 2000 }

const server = useServer()

function upstream(urls: readonly URL[] = [server.url], further: Partial<UpstreamSettings> = {}) {
  return open(settingsFor(urls, further), { timeouts: TIMEOUTS }).upstream
}

/** A server of TCP that does something to each connection. */
async function openTcp(
  onConnection: (socket: Socket) => void,
): Promise<AsyncDisposable & { readonly url: URL }> {
  const sockets: Socket[] = []
  const tcp = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined))
    onConnection(socket)
  })
  await once(tcp.listen(0, '127.0.0.1'), 'listening')
  const { port } = tcp.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => tcp.close(resolve))
    },
  }
}

/** The manifest by tag: the first bytes of a raw answer, for every request of a connection. */
function raw(text: string, then: (socket: Socket) => void = () => undefined) {
  return openTcp((socket) =>
    socket.on('data', () => {
      socket.write(text)
      then(socket)
    }),
  )
}

describe('what an upstream answers', () => {
  test.each([
    [400, 'denied'],
    [401, 'unauthorized'],
    [403, 'denied'],
    [404, 'missing'],
    [410, 'missing'],
    [429, 'rate-limited'],
    [500, 'failing'],
    [503, 'failing'],
    [204, 'wrong-content'],
  ] as const)('%i is %s', async (status, trouble) => {
    server.play(MANIFEST, answer(status))
    const failure = await failureOf(upstream().manifest(ALPINE, LATEST, inTime()))
    expect([failure.trouble, failure.status]).toEqual([trouble, status])
  })
  test('Retry-After is told in milliseconds', async () => {
    server.play(MANIFEST, answer(429, { 'retry-after': '17' }))
    const failure = await failureOf(upstream().manifest(ALPINE, LATEST, inTime()))
    expect(failure.retryAfterMs).toBe(17_000)
  })
  test('row 22: of its headers nothing is seen but what the interface has', async () => {
    const evil = { 'x-accel-redirect': '/secret', 'set-cookie': 'a=b', location: 'https://evil.com/' }
    server.play(MANIFEST, manifest(BYTES, { ...evil, etag: '"a b"', 'access-control-allow-origin': '*' }))
    const found = await upstream().manifest(ALPINE, LATEST, inTime())
    expect(found).toEqual({ digest: DIGEST, mediaType: MANIFEST_TYPE, bytes: BYTES, etag: undefined })
  })
})

describe('row 53: what is not what it says', () => {
  const BY_DIGEST = `/v2/library/alpine/manifests/${DIGEST}`

  test('a manifest whose bytes have another digest', async () => {
    server.play(BY_DIGEST, manifest(manifestBytes('evil')))
    const work = upstream().manifest(ALPINE, { kind: 'digest', digest: DIGEST }, inTime())
    expect(await troubleOf(work)).toBe('wrong-content')
  })
  test('a tag whose Docker-Content-Digest lies', async () => {
    server.play(MANIFEST, manifest(BYTES, { 'docker-content-digest': OTHER }))
    expect(await troubleOf(upstream().manifest(ALPINE, LATEST, inTime()))).toBe('wrong-content')
  })
  test('a HEAD of a digest that names another one', async () => {
    server.play(BY_DIGEST, manifest(BYTES, { 'docker-content-digest': OTHER }))
    const work = upstream().resolve(ALPINE, { kind: 'digest', digest: DIGEST }, inTime())
    expect(await troubleOf(work)).toBe('wrong-content')
  })
  const page = answer(200, { 'content-type': 'text/html; charset=utf-8' }, '<html>Log in</html>')
  test('a login page in place of a manifest, by HEAD and GET', async () => {
    server.play(MANIFEST, page)
    expect(await troubleOf(upstream().resolve(ALPINE, LATEST, inTime()))).toBe('wrong-content')
    const failure = await failureOf(upstream().manifest(ALPINE, LATEST, inTime()))
    expect(failure.message).toContain('a login page?')
  })
  test('a login page in place of a blob', async () => {
    server.play(BLOB_PATH, page)
    expect(await troubleOf(upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime()))).toBe('wrong-content')
  })
  test('a page that does not even say that it is one', async () => {
    server.play(MANIFEST, answer(200, { 'content-type': 'application/json' }, '<html>Log in</html>'))
    expect(await troubleOf(upstream().manifest(ALPINE, LATEST, inTime()))).toBe('wrong-content')
  })
})

describe('row 54: bodies that are too short, too long, or packed', () => {
  test('a manifest of more than 4 MiB, announced', async () => {
    server.play(
      MANIFEST,
      answer(200, { 'content-type': MANIFEST_TYPE }, Buffer.alloc(4 * 1024 * 1024 + 1, ' ')),
    )
    expect(await troubleOf(upstream().manifest(ALPINE, LATEST, inTime()))).toBe('cut')
  })
  test('a manifest without an end', async () => {
    const endless: Scene = (request, response) => {
      response.writeHead(200, { 'content-type': MANIFEST_TYPE })
      const more = (): void => {
        while (!request.destroyed && response.write(Buffer.alloc(65_536, ' ')));
      }
      response.on('drain', more)
      more()
    }
    server.play(MANIFEST, endless)
    expect(await troubleOf(upstream().manifest(ALPINE, LATEST, inTime()))).toBe('cut')
  })
  test('a packed answer is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000))
    server.play(MANIFEST, manifest(bomb, { 'content-encoding': 'gzip' }))
    expect(await troubleOf(upstream().manifest(ALPINE, LATEST, inTime()))).toBe('wrong-content')
    expect(server.headers.at(-1)?.['accept-encoding']).toBe('identity')
  })
  test('a blob that ends early', async () => {
    server.play(BLOB_PATH, (_, response) => {
      response.writeHead(200, { 'content-length': BLOB.length })
      response.write(BLOB.subarray(0, 1000), () => response.destroy())
    })
    const { body } = await upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime())
    expect(await troubleOf(bytesOf(body))).toBe('cut')
  })
  test('a blob without a length that ends early', async () => {
    server.play(BLOB_PATH, (_, response) => {
      response.writeHead(200)
      response.write(BLOB, () => response.destroy())
    })
    const { body, sizeBytes } = await upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime())
    expect(sizeBytes).toBeUndefined()
    expect(await troubleOf(bytesOf(body))).toBe('cut')
  })
  test('a range whose end lies', async () => {
    server.play(BLOB_PATH, answer(206, { 'content-range': 'bytes 10-19/100' }, BLOB.subarray(0, 10)))
    const { body } = await upstream().blob(ALPINE, BLOB_DIGEST, 10, inTime())
    expect(await troubleOf(bytesOf(body))).toBe('cut')
  })
  test('an answer with endless headers', async () => {
    await using tcp = await raw(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n`)
    expect(await troubleOf(upstream([tcp.url]).manifest(ALPINE, LATEST, inTime()))).toBe('wrong-content')
  })
  test('two lengths that differ', async () => {
    await using tcp = await raw('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef')
    expect(await troubleOf(upstream([tcp.url]).manifest(ALPINE, LATEST, inTime()))).toBe('unreachable')
  })
})

describe('faults 29 and 33: connections', () => {
  test('nothing serves at the port', async () => {
    const gone = await openTcp(() => undefined)
    await gone[Symbol.asyncDispose]()
    const failure = await failureOf(upstream([gone.url]).manifest(ALPINE, LATEST, inTime()))
    expect(failure.trouble).toBe('unreachable')
    expect(failure.message).toContain(`${gone.url.host} refuses the connection`)
  })
  test('a connection that is taken and never answered', async () => {
    await using tcp = await openTcp(() => undefined)
    expect(await troubleOf(upstream([tcp.url]).manifest(ALPINE, LATEST, inTime()))).toBe('timeout')
  })
  test('a connection that is closed at once', async () => {
    await using tcp = await openTcp((socket) => socket.destroy())
    expect(await troubleOf(upstream([tcp.url]).manifest(ALPINE, LATEST, inTime()))).toBe('unreachable')
  })
  test('what is not HTTP', async () => {
    await using tcp = await raw('SSH-2.0-OpenSSH_9.2\r\n', (socket) => socket.end())
    expect(await troubleOf(upstream([tcp.url]).manifest(ALPINE, LATEST, inTime()))).toBe('unreachable')
  })
  test('a blob that falls silent', async () => {
    server.play(BLOB_PATH, (_, response) => {
      response.writeHead(200, { 'content-length': BLOB.length })
      response.write(BLOB.subarray(0, 1000))
    })
    const { body } = await upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime())
    expect(await troubleOf(bytesOf(body))).toBe('timeout')
  })
  test('a reader that is slow is no silence of the upstream', async () => {
    server.play(BLOB_PATH, answer(200, {}, Buffer.alloc(30_000_000)))
    const { body } = await upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime())
    let sizeBytes = 0
    let isRested = false
    for await (const piece of body) {
      sizeBytes += piece.length
      if (!isRested) await systemClock.sleep(2 * TIMEOUTS.idleMs)
      isRested = true
    }
    expect(sizeBytes).toBe(30_000_000)
  })
  test('a manifest that comes a byte at a time', async () => {
    server.play(MANIFEST, (request, response) => {
      response.writeHead(200, { 'content-type': MANIFEST_TYPE, 'content-length': BYTES.length })
      const stop = systemClock.every(100, async () => void response.write(' '))
      request.on('close', stop)
    })
    expect(await troubleOf(upstream().manifest(ALPINE, LATEST, inTime()))).toBe('timeout')
  })
  test('a connection that was closed while it was kept open is replaced', async () => {
    const requests: number[] = []
    await using tcp = await openTcp((socket) => {
      const connection = requests.push(0) - 1
      let answers = 0
      socket.on('data', () => {
        answers += 1
        requests[connection] = answers
        // The second request of a connection is never answered.
        if (answers > 1) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}')
      })
    })
    const found = await upstream([tcp.url]).manifest(ALPINE, LATEST, inTime())
    expect([found.bytes.toString(), requests]).toEqual(['{}', [2, 1]])
  })
  test('whoever does not want it any more ends it, and is told why', async () => {
    await using tcp = await openTcp(() => undefined)
    const leaving = new AbortController()
    const work = upstream([tcp.url]).manifest(ALPINE, LATEST, leaving.signal)
    leaving.abort(new Error('the client left'))
    await expect(work).rejects.toThrow('the client left')
  })
})
