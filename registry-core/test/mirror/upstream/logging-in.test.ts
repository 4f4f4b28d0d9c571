import { afterEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { UpstreamSettings } from '#core/mirror/mirror-settings.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { FakeClock } from '../../fake-clock.js'
import { answer, challenge, forBearer, json, manifest } from '../scripted-server.js'
import { ALPINE, BYTES, LATEST, MANIFEST } from './alpine.js'
import { ACCOUNT, failureOf, inTime, open, settingsFor, troubleOf, useServer } from './opened.js'

const BASIC = `Basic ${Buffer.from('me:canary-password').toString('base64')}`

const server = useServer({
  playFirst({ url, play }) {
    play('/v2/', challenge(`${url.href}token`))
    playTokens()
  },
})

/** Tokens `t1`, `t2`, …; the manifest is for the newest. */
function playTokens(further: object = { expires_in: 300 }): void {
  let count = 0
  server.play('/token', (request, response) => {
    count += 1
    const wanted = challenge(`${server.url.href}token`)
    server.play(MANIFEST, forBearer(`Bearer t${count}`, manifest(BYTES), wanted))
    json({ token: `t${count}`, ...further })(request, response)
  })
}

function upstream(further: Partial<UpstreamSettings> = {}, clock?: FakeClock) {
  return open(settingsFor([server.url], further), clock === undefined ? {} : { clock }).upstream
}

test('32 cold clients fetch one token, and ask for each thing once', async () => {
  const one = upstream()
  await Promise.all(Array.from({ length: 32 }, () => one.manifest(ALPINE, LATEST, inTime())))
  expect([server.count('/v2/'), server.count('/token'), server.count(MANIFEST)]).toEqual([1, 1, 32])
  const asked = server.asked.find((line) => line.includes('/token'))
  expect(asked).toBe('GET /token?service=registry&scope=repository%3Alibrary%2Falpine%3Apull')
})

test('each repository has a token of its own', async () => {
  const one = upstream()
  await one.resolve(ALPINE, LATEST, inTime())
  await failureOf(one.resolve(parseRepositoryName('library/busybox'), LATEST, inTime()))
  expect(server.count('/token')).toBe(2)
})

test('a token is fetched anew before it ends', async () => {
  const clock = new FakeClock()
  const one = upstream({}, clock)
  await one.resolve(ALPINE, LATEST, inTime())
  await clock.advance(280_000)
  await one.resolve(ALPINE, LATEST, inTime())
  expect(server.count('/token')).toBe(1)
  await clock.advance(15_000)
  await one.resolve(ALPINE, LATEST, inTime())
  expect(server.count('/token')).toBe(2)
})

test('a token that is refused is replaced once, for all who held it', async () => {
  const one = upstream()
  await one.resolve(ALPINE, LATEST, inTime())
  server.play(MANIFEST, challenge(`${server.url.href}token`))
  await Promise.all(Array.from({ length: 8 }, () => one.resolve(ALPINE, LATEST, inTime())))
  expect(server.count('/token')).toBe(2)
})

test('a new token that is refused ends the request', async () => {
  server.play('/token', json({ token: 'unloved' }))
  server.play(MANIFEST, challenge(`${server.url.href}token`))
  const failure = await failureOf(upstream().resolve(ALPINE, LATEST, inTime()))
  expect([failure.trouble, failure.status]).toEqual(['unauthorized', 401])
  expect([server.count('/token'), server.count(MANIFEST)]).toEqual([1, 1])
})

test('a scope that the refusal names is asked for', async () => {
  server.play('/token', (request, response) => {
    const isNamed = request.url?.includes('prefix%2Flibrary') === true
    json({ access_token: isNamed ? 'right' : 'wrong' })(request, response)
  })
  const named = challenge(`${server.url.href}token`, 'scope="repository:prefix/library/alpine:pull"')
  server.play(MANIFEST, forBearer('Bearer right', manifest(BYTES), named))
  await upstream().resolve(ALPINE, LATEST, inTime())
  expect(server.count('/token')).toBe(2)
})

test('without a challenge nothing is sent', async () => {
  server.play('/v2/', json({}))
  server.play(MANIFEST, manifest(BYTES))
  await upstream({ credentials: ACCOUNT }).resolve(ALPINE, LATEST, inTime())
  expect(server.headers.map(({ authorization }) => authorization)).toEqual([undefined, undefined])
})

test('a challenge that comes later than /v2/ is answered too', async () => {
  server.play('/v2/', json({}))
  server.play(MANIFEST, challenge(`${server.url.href}token`))
  await upstream().resolve(ALPINE, LATEST, inTime())
  expect(server.count(MANIFEST)).toBe(2)
})

test('the account is shown to the token service, and to nobody else', async () => {
  await upstream({ credentials: ACCOUNT }).resolve(ALPINE, LATEST, inTime())
  const shown = server.headers.map(({ authorization }) => authorization)
  expect(shown).toEqual([undefined, BASIC, 'Bearer t1'])
})

test('an upstream that wants Basic is shown the account', async () => {
  server.play('/v2/', answer(401, { 'www-authenticate': 'Basic realm="r, Bearer"' }))
  server.play(MANIFEST, forBearer(BASIC, manifest(BYTES), answer(401, { 'www-authenticate': 'Basic' })))
  await upstream({ credentials: ACCOUNT }).resolve(ALPINE, LATEST, inTime())
  expect(server.count(MANIFEST)).toBe(1)
})

test('a wrong Basic password is not tried twice', async () => {
  server.play('/v2/', answer(401, { 'www-authenticate': 'Basic realm="r"' }))
  server.play(MANIFEST, answer(401, { 'www-authenticate': 'Basic realm="r"' }))
  expect(await troubleOf(upstream({ credentials: ACCOUNT }).resolve(ALPINE, LATEST, inTime()))).toBe(
    'unauthorized',
  )
  expect(server.count(MANIFEST)).toBe(1)
})

describe('a token service in trouble', () => {
  test.each([
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [429, 'rate-limited'],
    [503, 'failing'],
  ] as const)('%i is %s', async (status, trouble) => {
    server.play('/token', answer(status))
    expect(await troubleOf(upstream().resolve(ALPINE, LATEST, inTime()))).toBe(trouble)
  })
  test.each([
    ['a page', answer(200, { 'content-type': 'text/html' }, '<html>')],
    ['no token', json({ error: 'x' })],
    ['a token that breaks a header', json({ token: 'a\r\nx: y' })],
    ['more than 256 KiB', json({ token: 'x'.repeat(300_000) })],
  ])('%s is no token', async (_, scene) => {
    server.play('/token', scene)
    expect(['unauthorized', 'cut']).toContain(await troubleOf(upstream().resolve(ALPINE, LATEST, inTime())))
  })
})

describe('a password in a file', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const file = path.join(folder, 'password')
  const credentials = { username: 'me', password: { file } }
  afterEach(() => rmSync(file, { force: true }))

  test('is read anew when the file changes, and its tokens with it', async () => {
    writeFileSync(file, 'first\n')
    const one = upstream({ credentials })
    await one.resolve(ALPINE, LATEST, inTime())
    writeFileSync(file, 'second\n')
    utimesSync(file, 1, 1)
    await one.resolve(ALPINE, LATEST, inTime())
    const shown = server.headers.flatMap(({ authorization }) => authorization ?? [])
    expect(shown.filter((one) => one.startsWith('Basic '))).toEqual(
      ['me:first', 'me:second'].map((pair) => `Basic ${Buffer.from(pair).toString('base64')}`),
    )
  })
  test('that cannot be read is a failure that names the file', async () => {
    const failure = await failureOf(upstream({ credentials }).resolve(ALPINE, LATEST, inTime()))
    expect(failure.trouble).toBe('unauthorized')
    expect(failure.message).toContain(`${file}, cannot be read (ENOENT)`)
  })
})

describe('what is public', () => {
  const TAGS = '/v2/library/alpine/tags/list'

  test('is what nobody may see too, whoever else may', async () => {
    server.play(TAGS, forBearer('Bearer t1', json({ tags: [] }), answer(401)))
    const one = upstream({ credentials: ACCOUNT })
    expect(await one.isPublic(ALPINE, inTime())).toBe(true)
    expect(server.headers.map(({ authorization }) => authorization)).not.toContain(BASIC)
    server.play(TAGS, answer(401))
    expect(await one.isPublic(ALPINE, inTime())).toBe(false)
  })
  test('is asked each time, and unknown in an outage', async () => {
    const one = upstream({ credentials: ACCOUNT })
    server.play(TAGS, json({ tags: [] }))
    for (let time = 1; time <= 2; time += 1) await one.isPublic(ALPINE, inTime())
    expect(server.count(TAGS)).toBe(2)
    server.play(TAGS, answer(503))
    expect(await troubleOf(one.isPublic(ALPINE, inTime()))).toBe('failing')
  })
})
