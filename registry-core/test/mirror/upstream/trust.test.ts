import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { BlockList } from 'node:net'
import type { UpstreamSettings } from '#core/mirror/mirror-settings.js'
import type { Resolve } from '#core/mirror/upstream/name-servers.js'
import { digestOfBytes } from '#core/oci/digest.js'
import { type Authority, makeAuthority } from '../certificates.js'
import { answer, challenge, json, manifest, openScriptedServer, redirect } from '../scripted-server.js'
import { ALPINE, BYTES, LATEST, MANIFEST } from './alpine.js'
import { ACCOUNT, bytesOf, failureOf, inTime, open, settingsFor, troubleOf, useServer } from './opened.js'

const BLOB = Buffer.from('a layer')
const BLOB_DIGEST = digestOfBytes('sha256', BLOB)
const BLOB_PATH = `/v2/library/alpine/blobs/${BLOB_DIGEST}`
const NAMES = [
  'registry.acme.com',
  'auth.acme.com',
  'auth.evil.com',
  'a.github.io',
  'b.github.io',
  'blobs.cdn.net',
]

let authority: Authority
let addresses: Record<string, string>
beforeAll(() => {
  authority = makeAuthority()
})
afterAll(() => authority.remove())
beforeEach(() => {
  addresses = {}
})
const server = useServer({
  options: () => ({ tls: authority.sign(NAMES) }),
  playFirst({ play }) {
    play('/token', json({ token: 'fine' }))
    play(MANIFEST, manifest(BYTES))
    play(BLOB_PATH, redirect(at('blobs.cdn.net', '/blob')))
    play('/blob', answer(200, {}, BLOB))
  },
})

function at(host: string, path = '/'): string {
  return `https://${host}:${server.url.port}${path}`
}

/** Every name is this machine, unless a test says otherwise. */
const resolve: Resolve = async (hostname) => [{ address: addresses[hostname] ?? '127.0.0.1', family: 4 }]

function upstream(host = 'registry.acme.com', further: Partial<UpstreamSettings> = {}) {
  const settings = settingsFor([new URL(at(host))], {
    credentials: ACCOUNT,
    ca: authority.ca,
    ...further,
  })
  return open(settings, { resolve }).upstream
}

function shownTo(host: string): readonly (string | undefined)[] {
  return server.headers
    .filter((headers) => headers.host?.startsWith(`${host}:`))
    .map(({ authorization }) => authorization?.split(' ')[0])
}

describe('row 49: who sees the credential', () => {
  async function pullWith(realm: string, host?: string, further: Partial<UpstreamSettings> = {}) {
    server.play('/v2/', challenge(realm))
    await upstream(host, further).resolve(ALPINE, LATEST, inTime())
  }

  test('a token service in the same registrable domain does', async () => {
    await pullWith(at('auth.acme.com', '/token'))
    expect(shownTo('auth.acme.com')).toEqual(['Basic'])
  })
  test('one on another site is asked as nobody', async () => {
    await pullWith(at('auth.evil.com', '/token'))
    expect(shownTo('auth.evil.com')).toEqual([undefined])
  })
  test('one on another site that is listed does', async () => {
    await pullWith(at('auth.evil.com', '/token'), undefined, { realms: ['auth.evil.com'] })
    expect(shownTo('auth.evil.com')).toEqual(['Basic'])
  })
  test('neighbours below a public suffix are strangers', async () => {
    await pullWith(at('b.github.io', '/token'), 'a.github.io')
    expect(shownTo('b.github.io')).toEqual([undefined])
  })
  test.each([
    'http://registry.acme.com/token',
    'http://127.0.0.1/token',
    'ftp://registry.acme.com/',
    'nowhere',
  ])('a token service at %s is not asked at all', async (realm) => {
    server.play('/v2/', challenge(realm))
    const failure = await failureOf(upstream().resolve(ALPINE, LATEST, inTime()))
    expect(failure.trouble).toBe('unauthorized')
    expect(failure.message).toContain('must be https')
    expect(server.asked).toEqual(['GET /v2/'])
  })
  test('one at a bare address is asked as nobody', async () => {
    const other = await openScriptedServer()
    server.play('/v2/', challenge(`https://127.0.0.1:${other.url.port}/token`))
    expect(await troubleOf(upstream().resolve(ALPINE, LATEST, inTime()))).toBe('tls')
    expect(other.asked).toEqual([])
    await other.close()
  })
  test('one that refuses strangers says how it may see the account', async () => {
    server.play('/token', answer(401))
    server.play('/v2/', challenge(at('auth.evil.com', '/token')))
    const failure = await failureOf(upstream().resolve(ALPINE, LATEST, inTime()))
    expect(failure.message).toContain(`set realms: [auth.evil.com:${server.url.port}]`)
  })
  test('a token service that redirects elsewhere takes the credential nowhere', async () => {
    server.play('/token', redirect(at('auth.evil.com', '/other')))
    server.play('/other', json({ token: 'fine' }))
    await pullWith(at('auth.acme.com', '/token'))
    expect([shownTo('auth.acme.com'), shownTo('auth.evil.com')]).toEqual([['Basic'], [undefined]])
  })
  test('the second challenge of a header does not overrule the first', async () => {
    const header = `Bearer realm="${at('auth.acme.com', '/token')}",realm="${at('auth.evil.com', '/token')}"`
    server.play('/v2/', answer(401, { 'www-authenticate': header }))
    await upstream().resolve(ALPINE, LATEST, inTime())
    expect(shownTo('auth.evil.com')).toEqual([])
  })
})

describe('row 50: redirects', () => {
  test('to another host drop the token, and every cookie', async () => {
    server.play('/v2/', challenge(at('auth.acme.com', '/token')))
    const cookie = { 'set-cookie': 'session=1', location: at('blobs.cdn.net', '/blob') }
    server.play(BLOB_PATH, answer(307, cookie))
    const { body } = await upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime())
    expect(BLOB.equals(await bytesOf(body))).toBe(true)
    expect([shownTo('registry.acme.com'), shownTo('blobs.cdn.net')]).toEqual([
      [undefined, 'Bearer'],
      [undefined],
    ])
    expect(server.headers.flatMap(({ cookie: sent }) => sent ?? [])).toEqual([])
  })
  test('that lead back do not get it again', async () => {
    server.play('/v2/', challenge(at('auth.acme.com', '/token')))
    server.play('/blob', redirect(at('registry.acme.com', '/back')))
    server.play('/back', answer(200, {}, BLOB))
    await upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime())
    expect(shownTo('registry.acme.com')).toEqual([undefined, 'Bearer', undefined])
  })
  test('on the same host keep it', async () => {
    server.play('/v2/', challenge(at('auth.acme.com', '/token')))
    server.play(BLOB_PATH, redirect('/here'))
    server.play('/here', answer(200, {}, BLOB))
    await upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime())
    expect(shownTo('registry.acme.com')).toEqual([undefined, 'Bearer', 'Bearer'])
  })
})

describe('row 51: addresses', () => {
  const ONE_ONLY = new BlockList()
  ONE_ONLY.addAddress('127.0.0.1')

  test.each([
    ['10.0.0.5', '10.0.0.5/32'],
    ['192.168.1.1', '192.168.1.1/32'],
    ['127.0.0.2', '127.0.0.0/8'],
    ['169.254.169.254', '169.254.169.254/32'],
    ['100.100.100.200', '100.100.100.200/32'],
    ['[::ffff:10.0.0.5]', '10.0.0.5/32'],
    ['[64:ff9b::a00:5]', '10.0.0.5/32'],
    ['[2002:a00:5::]', '10.0.0.5/32'],
    ['[fd00::1]', 'fd00::1/128'],
    ['[fe80::1]', 'fe80::1/128'],
    ['[::1]', '::1/128'],
    ['[::]', '::/128'],
    ['0.0.0.0', '0.0.0.0/32'],
    ['0x7f.2', '127.0.0.0/8'],
    ['2130706434', '127.0.0.0/8'],
  ])('a redirect to https://%s is refused, and what to type is said', async (host, range) => {
    server.play(BLOB_PATH, redirect(`https://${host}/blob`))
    const failure = await failureOf(
      upstream(undefined, { allowAddresses: ONE_ONLY }).blob(ALPINE, BLOB_DIGEST, 0, inTime()),
    )
    expect(failure.trouble).toBe('forbidden-address')
    expect(failure.message).toContain(`set allowAddresses: ['${range}'] for the upstream upstream.test`)
  })
  test('a redirect to a name with a private address is refused', async () => {
    addresses['blobs.cdn.net'] = '10.0.0.5'
    expect(await troubleOf(upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime()))).toBe('forbidden-address')
  })
  test('a token service with a private address is refused', async () => {
    addresses['auth.acme.com'] = '10.0.0.5'
    server.play('/v2/', challenge(at('auth.acme.com', '/token')))
    expect(await troubleOf(upstream().resolve(ALPINE, LATEST, inTime()))).toBe('forbidden-address')
  })
  test('a name is judged each time it is dialled, not when it was looked up last', async () => {
    const one = upstream(undefined, { allowAddresses: ONE_ONLY })
    server.play('/blob', answer(200, { connection: 'close' }, BLOB))
    await bytesOf((await one.blob(ALPINE, BLOB_DIGEST, 0, inTime())).body)
    addresses['blobs.cdn.net'] = '127.0.0.2'
    expect(await troubleOf(one.blob(ALPINE, BLOB_DIGEST, 0, inTime()))).toBe('forbidden-address')
  })
  test('a typed name may be private, but loopback needs a word', async () => {
    addresses['registry.acme.com'] = '127.0.0.1'
    const failure = await failureOf(
      upstream(undefined, { allowAddresses: new BlockList() }).resolve(ALPINE, LATEST, inTime()),
    )
    expect(failure.trouble).toBe('forbidden-address')
    expect(server.asked).toEqual([])
  })
  test('of a name with several addresses those that are allowed are dialled', async () => {
    const both: Resolve = async () => [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ]
    const settings = settingsFor([new URL(at('registry.acme.com'))], { ca: authority.ca })
    await open(settings, { resolve: both }).upstream.resolve(ALPINE, LATEST, inTime())
    expect(server.count(MANIFEST)).toBe(1)
  })
})

describe('row 52: redirects that are not followed', () => {
  test.each([
    ['http:', () => `http://blobs.cdn.net:${server.url.port}/blob`],
    ['a user name', () => at('blobs.cdn.net', '/blob').replace('//', '//me:secret@')],
    ['another scheme', () => 'file:///etc/passwd'],
    ['a socket', () => 'unix:/run/docker.sock'],
    ['a mail server', () => 'https://blobs.cdn.net:25/'],
    ['a database', () => 'https://blobs.cdn.net:5432/'],
    ['a tab', () => at('blobs.cdn.net', '/bl\tob')],
    ['nothing', () => ''],
  ])('to %s', async (_, location) => {
    server.play(BLOB_PATH, redirect(location()))
    const failure = await failureOf(upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime()))
    expect(failure.trouble).toBe('redirect')
    expect(failure.message).not.toContain('secret')
    expect(server.count('/blob')).toBe(0)
  })
  test('that go round in circles', async () => {
    server.play(BLOB_PATH, redirect(BLOB_PATH))
    expect(await troubleOf(upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime()))).toBe('redirect')
    expect(server.count(BLOB_PATH)).toBe(6)
  })
  test('without a place to go', async () => {
    server.play(BLOB_PATH, answer(307))
    expect(await troubleOf(upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime()))).toBe('redirect')
  })
})
