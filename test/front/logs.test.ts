import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'

import { openApplyScript } from '#control/front/applying/apply-script.js'
import { findLoggedRequest, type LoggedRequest } from '#control/traffic/log-line.js'
import { eventually } from '../support/eventually.js'
import { randomLayer } from '../support/images.js'
import { lines } from '../support/raw-http.js'
import { http2Request } from './http2-request.js'
import { describeFront, type Front } from './suite.js'

function logged(front: Front): readonly (LoggedRequest | undefined)[] {
  return readFileSync(path.join(front.nginx.prefix, 'logs/access.log'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(findLoggedRequest)
}

/** What the next request is logged as. */
async function lineAfter(front: Front, ask: () => Promise<unknown>): Promise<LoggedRequest | undefined> {
  const before = logged(front).length
  await ask()
  await eventually('it is logged', () => logged(front).length > before) // a line comes after the answer's last byte
  return logged(front)[before]
}

describeFront(
  'what nginx logs',
  {
    views: ['mirror', { upstream: 'quay.io' }],
    virtualHosts: [{ names: ['pull.example'], view: 'mirror' }],
    settings: { maxUploadSize: '1m' },
  },
  (front) => {
    const tooLarge = ['PUT /v2/a/blobs/uploads/1 HTTP/1.1', 'Host: a', 'Connection: close']

    test('is begun anew when whoever closed it was killed before nginx was told', async () => {
      const { prefix } = front.nginx
      const logs = path.join(prefix, 'logs')
      renameSync(path.join(logs, 'access.log'), path.join(logs, 'access.log.1'))
      writeFileSync(path.join(logs, 'access.log.2'), 'the one before\n')
      const script = openApplyScript({ config: prefix, prefix, generationSocket: '/-', controlSocket: '/-' })
      await script.rotate({ name: 'access.log', kept: 2 })
      await eventually('nginx has begun another one', () => readdirSync(logs).includes('access.log'))
      expect(readFileSync(path.join(logs, 'access.log.2'), 'utf8')).toBe('the one before\n')
    })

    test('tells a blob that it has sent from disk, with its bytes and the word of X-Cache', async () => {
      const digest = front.core.put(randomLayer(300_000).bytes)
      const line = await lineAfter(front, () => front.ask(`/v2/a/blobs/${digest}`))
      expect(line).toMatchObject({
        ...{ by: 'disk', cache: 'hit', view: 'registry', scheme: 'http', method: 'GET', status: 200 },
        isWhole: true,
      })
      expect(line?.sentBytes).toBeGreaterThan(300_000)
    })

    test('tells an answer of the core, over TLS and HTTP/2', async () => {
      const line = await lineAfter(front, () => http2Request(front.nginx, { ':path': '/v2/' }))
      expect(line).toMatchObject({ by: 'behind', scheme: 'https', status: 200, isWhole: true })
    })

    test.each([
      ['413', () => front.send(lines(...tooLarge, 'Content-Length: 2000000'))],
      ['400', () => front.ask('/v2/a/../b')],
      ['400', () => front.send('NONSENSE\r\n\r\n')],
    ])('tells a %s as its own', async (status, ask) => {
      expect(await lineAfter(front, ask)).toMatchObject({
        ...{ by: 'nginx', status: Number(status), view: 'registry', cache: 'none' },
      })
    })

    test('has a size for what clients make long, and a pull stays one', async () => {
      const query = `?x=${'a'.repeat(3000)}`
      const agent = (length: number) => `User-Agent: ${'\u0001'.repeat(length)}`
      const cut = { target: '/v2/<too long>/manifests/<too long>', userAgent: '<too long>' }
      expect(await lineAfter(front, () => front.ask(`/v2/a/manifests/1${query}`, agent(257)))).toMatchObject(
        cut,
      )
      const blob = { target: '/v2/<too long>/blobs/<too long>', userAgent: '\u0001'.repeat(256) }
      expect(await lineAfter(front, () => front.ask(`/v2/a/blobs/1${query}`, agent(256)))).toMatchObject(blob)
      const other = { target: '<too long>', method: 'GET' }
      expect(await lineAfter(front, () => front.ask(`/v2/${query}`))).toMatchObject(other)
      const long = lines(`${'A'.repeat(5000)} /v2/ HTTP/1.1`, 'Host: a', 'Connection: close')
      expect(await lineAfter(front, () => front.send(long))).toMatchObject({
        method: 'other',
        target: '/v2/',
      })
      const last = readFileSync(path.join(front.nginx.prefix, 'logs/access.log'), 'utf8').split('\n').at(-2)
      expect(last?.length).toBeLessThan(1000)
    })

    test('tells what the listener and the virtual host are for', async () => {
      const [mirror = 0, upstream = 0] = front.nginx.viewPorts
      const ask = (port: number) => fetch(`http://127.0.0.1:${port}/v2/`).then((answer) => answer.text())
      expect(await lineAfter(front, () => ask(mirror))).toMatchObject({ view: 'mirror' })
      expect(await lineAfter(front, () => ask(upstream))).toMatchObject({ view: 'upstream' })
      const toHost = 'GET /v2/ HTTP/1.1\r\nHost: pull.example\r\nConnection: close\r\n\r\n'
      expect(await lineAfter(front, () => front.send(toHost))).toMatchObject({ view: 'mirror' })
    })

    test('goes on in a new file when the log is closed, also for who is in the midst of a request', async () => {
      const { prefix } = front.nginx
      const logs = path.join(prefix, 'logs')
      const sockets = { generationSocket: '/-', controlSocket: '/-' }
      const script = openApplyScript({ config: prefix, prefix, ...sockets })
      writeFileSync(path.join(logs, 'access.log.1'), 'the one before\n')
      const asked = Promise.withResolvers<void>()
      const release = Promise.withResolvers<void>()
      front.core.next(async (_, response) => {
        asked.resolve()
        await release.promise
        response.end('late')
      })
      const late = front.ask('/v2/late')
      await asked.promise
      await script.rotate({ name: 'access.log', kept: 2 })
      await script.rotate({ name: 'error.log', kept: 2 })
      expect(await script.reload()).toBe('reloaded') // it is known again, or still
      await eventually('nginx has begun others', () =>
        ['access.log', 'error.log'].every((name) => readdirSync(logs).includes(name)),
      )
      release.resolve()
      await late
      const everything = () =>
        ['access.log', 'access.log.1'].map((name) => readFileSync(path.join(logs, name), 'utf8')).join('')
      await eventually('it is logged', () => everything().includes('"/v2/late"'))
      expect(everything()).toContain('/v2/a/blobs/sha256')
      expect(readFileSync(path.join(logs, 'access.log.2'), 'utf8')).toBe('the one before\n')
      expect(readdirSync(logs).toSorted()).toEqual([
        'access.log',
        'access.log.1',
        'access.log.2',
        'error.log',
        'error.log.1',
      ])
    })

    test.each([
      ['/etc/passwd', 2],
      ['access.log', 0],
      ['../access.log', 1],
    ])('closes nothing else: %s %d', async (name, kept) => {
      const { prefix } = front.nginx
      const script = openApplyScript({ config: prefix, prefix, generationSocket: '/-', controlSocket: '/-' })
      await expect(script.rotate({ name, kept })).rejects.toThrow('usage')
    })
  },
)
