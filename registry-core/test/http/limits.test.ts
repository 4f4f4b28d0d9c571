import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { RegistryError } from '#core/oci/failure.js'
import { FakeClock } from '../fake-clock.js'
import {
  eventually,
  OCI_MANIFEST,
  pushBlob,
  pushImage,
  randomBlob,
  readUntil,
  startEdge,
  type TestEdge,
  type TestEdgeOptions,
} from './edge.js'

// One folder for all: making a store's folders takes longer than all the rest of a test.
const root = mkdtempSync(join(tmpdir(), 'e-'))
let edge: TestEdge | undefined
afterEach(async () => {
  await edge?.close()
  edge = undefined
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function start(options: TestEdgeOptions = {}): Promise<TestEdge> {
  edge = await startEdge({ ...options, root })
  return edge
}

describe('a client that stops in the middle', () => {
  test('of its body is told so, and the upload keeps what came', async () => {
    const clock = new FakeClock()
    const own = await start({ clock, idleMs: 60_000 })
    const location = String((await own.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
    const socket = await own.connect()
    const answered = readUntil(socket, (text) => text.endsWith('}'))
    socket.write(`PATCH ${location} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n`)
    socket.write(Buffer.alloc(400))
    await eventually(async () => {
      await clock.advance(30_000) // twice in a row without a byte between them
      return socket.bytesRead > 0
    })
    expect(await answered).toMatch(/^HTTP\/1.1 408 [^]*"UNAVAILABLE"/)
    socket.destroy()
    expect((await own.send('GET', location)).headers['range']).toBe('0-399')
  })

  test('of what it reads is cut off after the same time', async () => {
    const clock = new FakeClock()
    const own = await start({ clock, idleMs: 60_000 })
    const blob = randomBlob(30_000_000)
    await pushBlob(own, 'a', blob)
    const socket = await own.connect()
    socket.write(`GET /v2/a/blobs/${blob.digest} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await once(socket, 'readable')
    const sent = own.outcomes.length
    await eventually(async () => {
      await clock.advance(30_000)
      return own.outcomes.length > sent
    })
    expect(own.outcomes.at(-1)).toMatchObject({ outcome: 'client-gone' })
    socket.destroy()
  })
})

describe('a client that never ends its head', () => {
  test('is told so and cut off, while others are served', async () => {
    const own = await start({ headersMs: 200 })
    const slow = await own.connect()
    slow.write('GET /v2/ HTTP/1.1\r\nHost: a\r\n')
    const silent = await own.connect()
    const [told, ended] = [readUntil(slow), readUntil(silent)]
    expect((await own.send('GET', '/v2/')).status).toBe(200)
    expect(await told).toMatch(/^HTTP\/1.1 408 [^]*"UNAVAILABLE"/)
    await ended
  })
})

describe('rights of a listener', () => {
  test('to pull alone refuse every push and delete, before any body', async () => {
    const own = await start({ anonymous: 'pull' })
    for (const [method, target] of [
      ['POST', '/v2/a/blobs/uploads/'],
      ['PATCH', '/v2/a/blobs/uploads/x'],
      ['PUT', '/v2/a/manifests/x'],
      ['DELETE', '/v2/a/manifests/x'],
    ] as const)
      expect((await own.send(method, target)).code).toBe('DENIED')
    expect((await own.send('GET', '/v2/')).status).toBe(200)
    expect((await own.send('GET', '/v2/a/manifests/x')).code).toBe('MANIFEST_UNKNOWN')
  })

  test('to nothing refuse even the base, and the catalog', async () => {
    const own = await start({ anonymous: 'none' })
    expect((await own.send('GET', '/v2/')).status).toBe(403)
    expect((await own.send('GET', '/v2/a/tags/list')).status).toBe(403)
    expect((await own.send('GET', '/v2/_catalog')).status).toBe(403)
    expect((await own.send('GET', '/healthz')).status).toBe(200)
  })
})

describe('deletes that are off', () => {
  test('are 405 for tags, manifests and blobs alike', async () => {
    const own = await start({ deletesOn: false })
    const { digest } = await pushImage(own, 'a', 'x')
    for (const target of ['/v2/a/manifests/x', `/v2/a/manifests/${digest}`, `/v2/a/blobs/${digest}`]) {
      const answer = await own.send('DELETE', target)
      expect([answer.status, answer.code]).toEqual([405, 'UNSUPPORTED'])
    }
    expect((await own.send('GET', '/v2/a/manifests/x')).status).toBe(200)
  })
})

describe('a disk without room', () => {
  test('refuses bodies before they are read, with 507', async () => {
    const own = await start({
      wrapSpace: (space) => ({
        requireExpectedStore: () => space.requireExpectedStore(),
        freeBytes: () => space.freeBytes(),
        probeWrites: () => space.probeWrites(),
        purgeTemporary: (limit, signal) => space.purgeTemporary(limit, signal),
        reserve: (neededBytes) =>
          neededBytes > 1000
            ? Promise.reject(new RegistryError('storage-full', { freeBytes: 1000, neededBytes }))
            : space.reserve(neededBytes),
      }),
    })
    const location = String((await own.send('POST', '/v2/a/blobs/uploads/')).headers['location'])
    const { bytes, digest } = randomBlob(2000)
    for (const [method, target] of [
      ['PATCH', location],
      ['PUT', `${location}?digest=${digest}`],
      ['POST', `/v2/a/blobs/uploads/?digest=${digest}`],
      ['PUT', '/v2/a/manifests/x'],
    ] as const) {
      const answer = await own.send(method, target, { body: bytes })
      expect([answer.status, answer.code]).toEqual([507, 'UNAVAILABLE'])
    }
    expect((await own.send('GET', location)).headers['range']).toBe('0-0')
  })
})

describe('half-sent manifests', () => {
  test('are refused with 503 when all together are too much, and the room is there again when they end', async () => {
    const own = await start({ collectedLimitBytes: 100_000 })
    const slow = await own.connect()
    const cut = readUntil(slow)
    slow.write(
      `PUT /v2/a/manifests/slow HTTP/1.1\r\nHost: a\r\nContent-Type: ${OCI_MANIFEST}\r\nContent-Length: 90000\r\n\r\n`,
    )
    slow.write(Buffer.alloc(80_000, ' '))
    const put = async (): Promise<readonly unknown[]> => {
      const headers = { 'content-type': OCI_MANIFEST }
      const answer = await own.send('PUT', '/v2/a/manifests/x', { headers, body: Buffer.alloc(30_000, ' ') })
      return [answer.status, answer.code]
    }
    // Until what the slow client has sent has arrived, ours is read whole and found to be no manifest.
    await eventually(async () => (await put())[0] === 503)
    expect(await put()).toEqual([503, 'UNAVAILABLE'])
    slow.destroy()
    await cut
    await eventually(async () => (await put())[0] === 400)
  })
})

describe('what hinders the store', () => {
  test('is said by /readyz, which is 503 for what fails and 200 for what only deserves a look', async () => {
    let failing: string[] = []
    const own = await start({ failing: () => failing, warnings: () => ['a foreign writer'] })
    const fine = await own.send('GET', '/readyz')
    expect([fine.status, fine.body.toString()]).toEqual([
      200,
      '{"status":"ready","warnings":["a foreign writer"]}',
    ])
    failing = ['the disk is read-only']
    const not = await own.send('GET', '/readyz')
    expect([not.status, JSON.parse(not.body.toString())]).toEqual([
      503,
      { status: 'not ready', causes: ['the disk is read-only'], warnings: ['a foreign writer'] },
    ])
    expect((await own.send('GET', '/healthz')).status).toBe(200)
  })
})

describe('headers of the configuration', () => {
  test('are added to every answer, and stand for ours of the same name', async () => {
    const own = await start({
      headers: [
        ['x-content-type-options', 'other'],
        ['X-A', 'b'],
      ],
    })
    const answer = await own.send('GET', '/v2/none/tags/list')
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'other', 'x-a': 'b' })
  })
})

describe('a stop', () => {
  test('is at once when nothing runs, idle connections or not', async () => {
    const own = await start()
    const socket = await own.connect()
    socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'readable')
    const started = performance.now()
    await own.edge.stop(30_000)
    expect(performance.now() - started).toBeLessThan(2000)
    expect(existsSync(own.socketPath)).toBe(false)
  })

  test('lets what runs end, and closes its connection', async () => {
    const own = await start()
    const { bytes, digest } = randomBlob(1000)
    const socket = await own.connect()
    const answered = readUntil(socket)
    socket.write(
      `POST /v2/a/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n`,
    )
    await eventually(() => own.load.uploads === 1)
    const stopped = own.edge.stop(30_000)
    await expect(own.connect()).rejects.toThrow('ECONNREFUSED')
    socket.write(bytes)
    expect(await answered).toMatch(/^HTTP\/1.1 201 [^]*Connection: close/)
    await stopped
  })

  test('cuts what does not end in time', async () => {
    const own = await start()
    const socket = await own.connect()
    const closed = readUntil(socket)
    socket.write(
      'POST /v2/a/blobs/uploads/?digest=sha256:' +
        'a'.repeat(64) +
        ' HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n',
    )
    await eventually(() => own.load.uploads === 1)
    await own.edge.stop(50)
    expect(await closed).toBe('')
  })
})
