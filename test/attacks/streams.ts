import { once } from 'node:events'
import http2 from 'node:http2'
import type { Socket } from 'node:net'

import { expect, test } from '@jest/globals'

import { randomLayer } from '../support/images.js'
import { lines, sendRaw } from '../support/raw-http.js'
import { RegistryClient } from '../support/registry-client.js'
import { END_HEADERS, END_STREAM, frame, FRAMES, type Header, headerBlock, sendFrames } from './h2-frames.js'
import type { TlsTarget } from './tls-target.js'

/** A bound against hanging on a busy machine, not a measure. */
const OTHERS_MS = 20_000
const GOOD: readonly Header[] = [
  ...([
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', 'localhost'],
    [':path', '/v2/'],
  ] as const),
]

/** What takes a server's time, memory or connections, and what HTTP/2 says otherwise than HTTP/1.1 (rows 2, 15, 20). */
export function testStreams(target: () => TlsTarget): void {
  async function othersAreServed(repository: string): Promise<void> {
    const client = new RegistryClient(target().baseUrl, { tls: target().tls })
    const started = performance.now()
    const { digest } = await client.pushBlob(repository, randomLayer(100_000))
    await client.pullBlob(repository, digest)
    await client.close()
    expect(performance.now() - started).toBeLessThan(OTHERS_MS)
  }

  test('hundreds of connections that say nothing, or not all of a head, hinder nobody', async () => {
    const sockets = await Promise.all(Array.from({ length: 400 }, () => target().rawConnect()))
    for (const [at, socket] of sockets.entries()) {
      socket.on('error', () => undefined)
      if (at % 2 === 0) socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ')
    }
    await othersAreServed('attacks/idle')
    for (const socket of sockets) socket.destroy()
  })

  test('ten thousand streams that are reset at once hinder nobody', async () => {
    for (let connection = 0; connection < 10; connection++) {
      const opened = Array.from({ length: 1000 }, (_, at) => {
        const stream = 2 * at + 1
        const cancel = Buffer.from([0, 0, 0, 8])
        return [
          frame('headers', END_STREAM | END_HEADERS, stream, headerBlock(GOOD)),
          frame('reset', 0, stream, cancel),
        ]
      })
      const last = frame('ping', 0, 0, Buffer.alloc(8))
      const answered = (frames: readonly number[]): boolean => frames.includes(FRAMES.ping)
      await sendFrames(target(), [...opened.flat(), last], answered)
    }
    await othersAreServed('attacks/reset')
  })

  test.each([
    ['settings', Array.from({ length: 20_000 }, () => frame('settings', 0, 0))],
    ['pings', Array.from({ length: 20_000 }, () => frame('ping', 0, 0, Buffer.alloc(8)))],
    ['empty data', Array.from({ length: 20_000 }, () => frame('data', 0, 1))],
    [
      'continuations',
      [
        frame('headers', END_STREAM, 1, headerBlock(GOOD)),
        ...Array.from({ length: 2000 }, (_, at) =>
          frame('continuation', 0, 1, headerBlock([[`x-${at}`, 'x'.repeat(2000)]])),
        ),
      ],
    ],
  ] as const)('a flood of frames hinders nobody: %s', async (kind, flood) => {
    const opening = kind === 'empty data' ? [frame('headers', END_HEADERS, 1, headerBlock(upload()))] : []
    const { closed, frames } = await sendFrames(
      target(),
      [...opening, ...flood],
      (seen) => seen.includes(FRAMES.goAway) || seen.length > 19_000,
    )
    expect(closed || frames.length > 0).toBe(true)
    await othersAreServed('attacks/frames')
  })

  test.each([
    ['a transfer encoding', [['transfer-encoding', 'chunked']]],
    ['a connection header', [['connection', 'keep-alive']]],
    ['a second path', [[':path', '/v2/_catalog']]],
    ['a second method', [[':method', 'DELETE']]],
    [
      'a second length',
      [
        ['content-length', '1'],
        ['content-length', '2'],
      ],
    ],
    ['a line end in a value', [['x-a', 'b\r\nX-Entrepot-View: mirror']]],
    ['a line end in a name', [['x-a: b\r\nx-entrepot-view', 'mirror']]],
    ['capital letters in a name', [['X-Entrepot-View', 'mirror']]],
    ['a NUL in a value', [['x-a', 'b\u0000c']]],
    ['an empty name', [['', 'x']]],
    ['a space in a name', [['x a', 'b']]],
  ] as readonly (readonly [string, readonly Header[]])[])(
    'a request over HTTP/2 that would be two over HTTP/1.1, or none, reaches nobody as such: %s',
    async (_what, further) => {
      const headers = [...GOOD, ['user-agent', 'two-in-one'] as const, ...further]
      const block = frame('headers', END_STREAM | END_HEADERS, 1, headerBlock(headers))
      const isOver = (frames: readonly number[]): boolean =>
        [FRAMES.goAway, FRAMES.reset, FRAMES.headers].some((type) => frames.includes(type))
      const before = coreHeard('two-in-one')
      const { closed, frames } = await sendFrames(target(), [block], isOver)
      expect(closed || isOver(frames)).toBe(true)
      // One request at most, for what it says first, with nothing of what it smuggles.
      expect(coreHeard('two-in-one') - before).toBeLessThanOrEqual(1)
      const said = target().process.log()
      expect(said).not.toMatch(/two-in-one.*(?:_catalog|DELETE)|(?:_catalog|DELETE).*two-in-one/)
      await othersAreServed('attacks/two')
    },
  )

  test('a target that HTTP/1.1 refuses is refused over HTTP/2', async () => {
    const session = http2.connect(target().baseUrl, { ca: target().tls.ca })
    for (const path of [
      '/v2/a%2Fb/tags/list',
      '/v2/../v2/',
      '//v2/',
      '/v2/a;x/tags/list',
      '/v2/a#b',
      '/v2/%00',
    ]) {
      const stream = session.request({ ':path': path })
      stream.resume()
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
      expect([path, headers[':status']]).toEqual([path, 400])
    }
    session.destroy()
  })

  test('a body that stops coming is given up, and its session goes on where it was', async () => {
    await target().box.apply('slow', {
      ...target().wanted,
      front: { ...target().wanted.front, timeoutSeconds: 1 },
    })
    const client = new RegistryClient(target().baseUrl, { tls: target().tls })
    const location = (await client.post('/v2/attacks/slow/blobs/uploads/')).header('location') ?? ''
    const socket: Socket = await target().rawConnect()
    const request = lines(`PATCH ${location} HTTP/1.1`, 'Host: a', 'Content-Length: 1000')
    const { closed } = await sendRaw(socket, `${request}ten bytes.`, { waitMs: 30_000 })
    expect(closed).toBe(true)
    const state = await client.get(location)
    expect([state.status, state.header('range')]).toEqual([204, '0-9'])
    await client.close()
  })

  function coreHeard(agent: string): number {
    return target().process.log().split(agent).length - 1
  }
}

function upload(): readonly Header[] {
  return GOOD.map(([name, value]) => {
    if (name === ':method') return [name, 'PATCH'] as const
    return name === ':path' ? ([name, '/v2/a/blobs/uploads/none'] as const) : ([name, value] as const)
  })
}
