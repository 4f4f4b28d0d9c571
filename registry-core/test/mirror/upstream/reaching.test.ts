import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { BlockList } from 'node:net'
import type { UpstreamSettings } from '#core/mirror/mirror-settings.js'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { type Authority, makeAuthority } from '../certificates.js'
import { type NameAnswer, type NameServer, openNameServer } from '../name-server.js'
import { openScriptedProxy, type ScriptedProxy } from '../scripted-proxy.js'
import {
  answer,
  challenge,
  json,
  manifest,
  openScriptedServer,
  redirect,
  type ScriptedServer,
} from '../scripted-server.js'
import { ALPINE, BYTES, DIGEST, LATEST, MANIFEST } from './alpine.js'
import { ACCOUNT, bytesOf, failureOf, inTime, open, settingsFor, troubleOf, useServer } from './opened.js'

const BLOB = Buffer.alloc(100_000, 'x')
const BLOB_DIGEST = digestOfBytes('sha256', BLOB)
const BLOB_PATH = `/v2/library/alpine/blobs/${BLOB_DIGEST}`

let authority: Authority
beforeAll(() => {
  authority = makeAuthority()
})
afterAll(() => authority.remove())
const server = useServer({ playFirst: playImage })

function playImage(on: ScriptedServer): void {
  on.play(MANIFEST, manifest(BYTES))
  on.play(BLOB_PATH, answer(200, {}, BLOB))
}

function upstream(url: URL, further: Partial<UpstreamSettings> = {}, environment = {}) {
  return open(settingsFor([url], further), { environment }).upstream
}

describe('through a proxy', () => {
  let proxy: ScriptedProxy
  beforeEach(async () => {
    proxy = await openScriptedProxy(server.url)
  })
  afterEach(() => proxy.close())

  test('plain HTTP is forwarded, names are resolved there, and its login is shown to it alone', async () => {
    const one = upstream(new URL('http://far.corp.io'), { proxy: { url: proxy.url, noProxy: [] } })
    await one.resolve(ALPINE, LATEST, inTime())
    expect(proxy.asked).toEqual(['GET http://far.corp.io/v2/', `HEAD http://far.corp.io${MANIFEST}`])
    expect(proxy.logins[0]).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`)
  })
  test('TLS goes through a tunnel, and the certificate is verified at its end', async () => {
    const secure = await openScriptedServer({ tls: authority.sign(['far.corp.io']) })
    secure.play('/v2/', json({}))
    playImage(secure)
    const tunnel = await openScriptedProxy(secure.url)
    const settings = { proxy: { url: tunnel.url, noProxy: [] }, ca: authority.ca }
    await upstream(new URL('https://far.corp.io'), settings).resolve(ALPINE, LATEST, inTime())
    expect(tunnel.asked).toEqual(['CONNECT far.corp.io:443'])
    const other = upstream(new URL('https://other.corp.io'), settings)
    expect(await troubleOf(other.resolve(ALPINE, LATEST, inTime()))).toBe('tls')
    await tunnel.close()
    await secure.close()
  })
  test('an exception goes directly', async () => {
    const settings = { proxy: { url: proxy.url, noProxy: ['127.0.0.0/8'] } }
    await upstream(server.url, settings).resolve(ALPINE, LATEST, inTime())
    expect(proxy.asked).toEqual([])
  })
  test("the environment's is asked where the upstream has none", async () => {
    const environment = { http_proxy: proxy.url.href }
    await upstream(new URL('http://far.corp.io'), {}, environment).resolve(ALPINE, LATEST, inTime())
    expect(proxy.asked).toHaveLength(2)
  })
  test('row 51: a redirect to a forbidden address is refused there too', async () => {
    server.play(BLOB_PATH, redirect('http://169.254.169.254/latest/meta-data/'))
    const one = upstream(new URL('http://far.corp.io'), { proxy: { url: proxy.url, noProxy: [] } })
    expect(await troubleOf(one.blob(ALPINE, BLOB_DIGEST, 0, inTime()))).toBe('forbidden-address')
  })
  test.each([
    [407, 'the proxy wants a user and a password'],
    [403, 'the proxy answered 403'],
  ])('one that answers %i is named', async (status, words) => {
    const refusing = await openScriptedProxy(server.url, { status })
    const settings = { proxy: { url: refusing.url, noProxy: [] } }
    const failure = await failureOf(
      upstream(new URL('https://far.corp.io'), settings).resolve(ALPINE, LATEST, inTime()),
    )
    expect(failure.trouble).toBe('unreachable')
    expect(failure.message).toContain(`${refusing.url.host}, cannot be reached: ${words}`)
    expect(failure.message).not.toContain('secret')
    await refusing.close()
  })
})

describe('by its own name servers', () => {
  const opened: NameServer[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()))
  })
  async function named(answerTo: NameAnswer) {
    const names = await openNameServer(() => answerTo)
    opened.push(names)
    const url = new URL(`http://far.corp.io:${server.url.port}`)
    return { names, one: upstream(url, { dns: [names.address] }) }
  }

  test('a name is asked of them', async () => {
    const { names, one } = await named('127.0.0.1')
    await one.resolve(ALPINE, LATEST, inTime())
    expect(new Set(names.asked)).toEqual(new Set(['far.corp.io']))
  })
  test('row 51: what they answer is judged', async () => {
    const { one } = await named('169.254.169.254')
    expect(await troubleOf(one.resolve(ALPINE, LATEST, inTime()))).toBe('forbidden-address')
  })
  test.each([
    ['unknown', 'know no address of far.corp.io'],
    ['refused', 'could not say the address of far.corp.io (EREFUSED)'],
    ['silent', 'did not answer within 4 s'],
  ] as const)('one that is %s is named with the cure', async (answerTo, words) => {
    const { names, one } = await named(answerTo)
    const failure = await failureOf(one.resolve(ALPINE, LATEST, inTime()))
    expect(failure.trouble).toBe('dns')
    expect(failure.message).toContain(`the name servers ${names.address} ${words}`)
    expect(failure.message).toContain('set dns: for the upstream upstream.test')
  })
  test('one that does not serve is a refusing resolver', async () => {
    const { names, one } = await named('127.0.0.1')
    await Promise.all(opened.splice(0).map((server) => server.close()))
    const failure = await failureOf(one.resolve(ALPINE, LATEST, inTime()))
    expect(failure.message).toContain(`connection refused by the resolver ${names.address}, so far.corp.io`)
  })
})

test('an IPv6 address that does not answer costs a moment, not the pull', async () => {
  const allowAddresses = new BlockList()
  allowAddresses.addAddress('127.0.0.1')
  const resolve = async () => [
    { address: '2001:db8::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]
  const url = new URL(`http://far.corp.io:${server.url.port}`)
  const { upstream: one } = open(settingsFor([url], { allowAddresses }), { resolve })
  expect(await one.resolve(ALPINE, LATEST, inTime())).toBe(DIGEST)
})

describe('transfers', () => {
  test('no more than maxConnections run at once, and a manifest does not wait for them', async () => {
    const held: (() => void)[] = []
    server.play(BLOB_PATH, (request, response) => {
      held.push(() => answer(200, {}, BLOB)(request, response))
    })
    const one = upstream(server.url, { maxConnections: 2 })
    const transfers = Array.from({ length: 5 }, async () => {
      const { body } = await one.blob(ALPINE, BLOB_DIGEST, 0, inTime())
      return (await bytesOf(body)).length
    })
    await one.manifest(ALPINE, LATEST, inTime())
    for (let done = 0; done < 5; done += 1) {
      while (held.length === 0) await new Promise(setImmediate)
      expect(held.length).toBeLessThanOrEqual(2)
      held.shift()?.()
    }
    expect(await Promise.all(transfers)).toEqual(transfers.map(() => BLOB.length))
  })
  test('of questions no more than 64 are asked at once, however many names somebody thinks of', async () => {
    const held: (() => void)[] = []
    server.play('*', (request, response) => {
      held.push(() => answer(404)(request, response))
    })
    const one = upstream(server.url)
    const questions = Array.from({ length: 200 }, (_, name) =>
      troubleOf(one.resolve(parseRepositoryName(`name${name}`), LATEST, inTime())),
    )
    let most = 0
    for (let done = 0; done < 200; done += 1) {
      while (held.length < Math.min(64, 200 - done)) await new Promise(setImmediate)
      most = Math.max(most, held.length)
      held.shift()?.()
    }
    expect(new Set(await Promise.all(questions))).toEqual(new Set(['missing']))
    expect(most).toBe(64)
  })
  test('come no faster than maxBytesPerSecond, all together', async () => {
    const one = upstream(server.url, { maxBytesPerSecond: 400_000 })
    const start = performance.now()
    await Promise.all(
      [1, 2, 3].map(async () => bytesOf((await one.blob(ALPINE, BLOB_DIGEST, 0, inTime())).body)),
    )
    expect(performance.now() - start).toBeGreaterThan(600)
  })
})

describe('row 49: a host one letter off a known one', () => {
  const settings = { host: 'quey.io', credentials: ACCOUNT }
  beforeEach(() => {
    server.play('/v2/', challenge(`${server.url.href}token`))
    server.play('/token', json({ token: 'fine' }))
  })
  const shown = () => server.headers.flatMap(({ authorization }) => authorization?.split(' ')[0] ?? [])

  test('is named, and sees no password', async () => {
    const { upstream: one, lines } = open(settingsFor([server.url], settings))
    await one.resolve(ALPINE, LATEST, inTime())
    expect(lines[0]).toContain('the upstream quey.io is one letter off quay.io')
    expect(shown()).toEqual(['Bearer'])
  })
  test('sees it when somebody has confirmed it', async () => {
    const { upstream: one, lines } = open(settingsFor([server.url], { ...settings, isConfirmed: true }))
    await one.resolve(ALPINE, LATEST, inTime())
    expect(lines).toEqual([])
    expect(shown()).toEqual(['Basic', 'Bearer'])
  })
})
