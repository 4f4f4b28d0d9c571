import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from '@jest/globals'

import type { AccessSettings } from '#core/access/access-settings.js'
import { may } from '#core/access/may.js'
import { type Access, openAccess } from '#core/access/open-access.js'
import { findScope } from '#core/access/token-scope.js'
import { isRegistryError } from '#core/oci/failure.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { systemRandom } from '#core/system/random.js'

import { FakeClock } from '../fake-clock.js'
import { silentLog } from '../simulated-store.js'
import { account, accessSettings, hashOf, MemorySecret, right } from './parts.js'

const FROM = { listener: 0, address: '192.0.2.1' }
const APP = parseRepositoryName('team/app')
const ci = account('ci', [right('team/**', 'pull', 'push')])
const DAY_MS = 24 * 3_600_000

function open(
  settings: Partial<AccessSettings> = { accounts: [ci] },
  { clock = new FakeClock(), secret = new MemorySecret() } = {},
) {
  const access = openAccess(accessSettings(settings), { secret, clock, random: systemRandom, log: silentLog })
  return { access, clock, secret }
}

async function issue(
  access: Access,
  name: string | undefined,
  ...scopes: readonly string[]
): Promise<string> {
  const granted = await access.issueToken({
    credentials: name === undefined ? undefined : { name, password: `${name}-password` },
    scopes: scopes.flatMap((scope) => findScope(scope) ?? []),
    from: FROM,
  })
  return granted?.token ?? ''
}

async function failureOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'none'
  } catch (error) {
    return isRegistryError(error) ? error.failure : String(error)
  }
}

test('a token says who, for whom, what and how long', async () => {
  const { access } = open()
  const token = await issue(access, 'ci', 'repository:team/app:pull,push,delete', 'repository:other:pull')
  expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'EdDSA', typ: 'JWT' })
  const claims = decodeJwt(token)
  expect(claims).toMatchObject({ sub: 'ci', iss: 'entrepot', aud: 'entrepot' })
  expect(claims['access']).toEqual([{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }])
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300)
  const caller = await access.identify(`Bearer ${token}`, FROM)
  expect([may(caller, 'push', APP), may(caller, 'delete', APP)]).toEqual([true, false])
  expect('then' in access.identify(`Bearer ${token}`, FROM)).toBe(false)
})

test('a token ends after five minutes, also for one who is remembered', async () => {
  const { access, clock } = open()
  const token = await issue(access, 'ci', 'repository:team/app:pull')
  await access.identify(`Bearer ${token}`, FROM)
  await clock.advance(311_000)
  expect(await failureOf(() => access.identify(`Bearer ${token}`, FROM))).toBe('token-invalid')
})

test('the token of an account that is gone, or has another password or fewer rights, is worth as much', async () => {
  const { access } = open()
  const token = await issue(access, 'ci', 'repository:team/app:pull,push')
  await access.identify(`Bearer ${token}`, FROM)
  access.replace(accessSettings({ accounts: [account('ci', [right('team/**', 'pull')])] }))
  const caller = await access.identify(`Bearer ${token}`, FROM)
  expect([may(caller, 'pull', APP), may(caller, 'push', APP)]).toEqual([true, false])
  access.replace(accessSettings({ accounts: [{ ...ci, secretHash: hashOf('another') }] }))
  expect(await failureOf(() => access.identify(`Bearer ${token}`, FROM))).toBe('token-invalid')
  access.replace(accessSettings({ accounts: [account('other', [])] }))
  expect(await failureOf(() => access.identify(`Bearer ${token}`, FROM))).toBe('token-invalid')
  access.replace(accessSettings({ accounts: [{ ...ci, until: new Date(0) }] }))
  expect(await failureOf(() => access.identify(`Bearer ${token}`, FROM))).toBe('token-invalid')
})

test('an anonymous token is worth what the listener gives to all, and there is none where that is nothing', async () => {
  const { access } = open({ accounts: [ci], anonymous: ['pull', 'none'] })
  const token = await issue(access, undefined, 'repository:team/app:pull,push')
  expect(decodeJwt(token)['access']).toEqual([{ type: 'repository', name: 'team/app', actions: ['pull'] }])
  expect(may(await access.identify(`Bearer ${token}`, FROM), 'pull', APP)).toBe(true)
  const elsewhere = await access.identify(`Bearer ${token}`, { ...FROM, listener: 1 })
  expect(may(elsewhere, 'pull', APP)).toBe(false)
  const asked = { credentials: undefined, scopes: [], from: { ...FROM, listener: 1 } }
  expect(await failureOf(() => access.issueToken(asked))).toBe('unauthorized')
})

test('where nobody has an account here no tokens are made', async () => {
  expect(
    open({ anonymous: ['push'] }).access.issueToken({ credentials: undefined, scopes: [], from: FROM }),
  ).toBeUndefined()
})

test('two processes of one store take the tokens of each other, whoever made the key', async () => {
  const one = open()
  const two = open({ accounts: [ci] }, one)
  const [first, second] = await Promise.all([issue(one.access, 'ci'), issue(two.access, 'ci')])
  for (const token of [first, second])
    for (const { access } of [one, two])
      expect(await access.identify(`Bearer ${token}`, FROM)).toMatchObject({ account: 'ci' })
})

test('the key is another one after a month, and the one before it still counts', async () => {
  const one = open()
  await issue(one.access, 'ci')
  await one.clock.advance(29 * DAY_MS)
  const old = await issue(one.access, 'ci')
  // 30 days, and a day at most by which processes differ.
  await one.clock.advance(2 * DAY_MS)
  const fresh = open({ accounts: [ci] }, one)
  const late = await issue(one.access, 'ci')
  const kids = [old, late].map((token) => decodeProtectedHeader(token).kid)
  expect(kids[0]).not.toBe(kids[1])
  expect(JSON.parse(one.secret.bytes?.toString() ?? '')).toMatchObject({
    tokenKeys: [{ kid: kids[0] }, { kid: kids[1] }],
  })
  expect(await fresh.access.identify(`Bearer ${late}`, FROM)).toMatchObject({ account: 'ci' })
})

test('a damaged file of keys is replaced by the next token', async () => {
  const secret = new MemorySecret()
  secret.bytes = Buffer.from('{"format":1')
  const { access } = open({ accounts: [ci] }, { clock: new FakeClock(), secret })
  const token = await issue(access, 'ci')
  expect(
    await open({ accounts: [ci] }, { clock: new FakeClock(), secret }).access.identify(
      `Bearer ${token}`,
      FROM,
    ),
  ).toMatchObject({ account: 'ci' })
})

test('a disk that takes no key does not keep anybody out', async () => {
  const secret = new MemorySecret()
  secret.create = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
  const { access } = open({ accounts: [ci] }, { clock: new FakeClock(), secret })
  const token = await issue(access, 'ci')
  expect(await access.identify(`Bearer ${token}`, FROM)).toMatchObject({ account: 'ci' })
  expect(decodeProtectedHeader(await issue(access, 'ci')).kid).toBe(decodeProtectedHeader(token).kid)
})

test('a token that somebody else signed under the name of our key is refused', async () => {
  const { access } = open()
  const token = await issue(access, 'ci', 'repository:team/app:pull')
  const { kid = '' } = decodeProtectedHeader(token)
  const { privateKey } = generateKeyPairSync('ed25519')
  const forged = await new SignJWT(decodeJwt(token))
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .sign(privateKey)
  const [head, , signature] = token.split('.')
  const claims = Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: 'admin' })).toString('base64url')
  const none = `${Buffer.from(JSON.stringify({ alg: 'none', kid })).toString('base64url')}.${claims}.`
  for (const bad of [
    forged,
    none,
    `${head}.${claims}.${signature}`,
    `${token}x`,
    'x',
    'a.b.c',
    '',
    'x'.repeat(40_000),
  ])
    expect(await failureOf(() => access.identify(`Bearer ${bad}`, FROM))).toBe('token-invalid')
})
