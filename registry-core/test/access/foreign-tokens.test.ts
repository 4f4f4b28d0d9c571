import { execFileSync } from 'node:child_process'
import {
  createPrivateKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { SignJWT, type JWTHeaderParameters } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { may, mayAnything } from '#core/access/may.js'
import { type Access, openAccess } from '#core/access/open-access.js'
import { libtrustId } from '#core/access/trusted-keys.js'
import { isRegistryError } from '#core/oci/failure.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { systemClock } from '#core/system/clock.js'
import { systemRandom } from '#core/system/random.js'

import { silentLog } from '../simulated-store.js'
import { accessSettings, MemorySecret } from './parts.js'

const APP = parseRepositoryName('team/app')
const FROM = { listener: 0, address: '192.0.2.1' }
const NOW = Math.floor(systemClock.now().getTime() / 1000)
const CLAIMS = {
  ...{ iss: 'issuer', aud: 'registry', sub: 'ci', iat: NOW, nbf: NOW, exp: NOW + 300 },
  access: [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }],
}

const folder = mkdtempSync(path.join(tmpdir(), 'e-'))
const file = (name: string): string => path.join(folder, name)
let access: Access

const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const ed = generateKeyPairSync('ed25519')
const stranger = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}

const REQ = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30']
const CA = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature']
const LEAF = ['-addext', 'basicConstraints=critical,CA:FALSE']

function certificate(name: string, by: string | undefined, extensions: readonly string[]): void {
  const signed = by === undefined ? [] : ['-CA', file(`${by}.pem`), '-CAkey', file(`${by}.key`)]
  openssl(
    ...REQ,
    '-subj',
    `/CN=${name}`,
    ...signed,
    ...extensions,
    '-keyout',
    file(`${name}.key`),
    '-out',
    file(`${name}.pem`),
  )
}

function der(name: string): string {
  return new X509Certificate(readFileSync(file(`${name}.pem`))).raw.toString('base64')
}

function keyOf(name: string): KeyObject {
  return createPrivateKey(readFileSync(file(`${name}.key`)))
}

beforeAll(() => {
  certificate('root', undefined, CA)
  certificate('middle', 'root', CA)
  certificate('leaf', 'middle', LEAF)
  certificate('under-leaf', 'leaf', LEAF)
  certificate('evil', undefined, CA)
  certificate('evil-leaf', 'evil', LEAF)
  const keys = [
    { ...ec.publicKey.export({ format: 'jwk' }), kid: 'ec-key' },
    { ...ed.publicKey.export({ format: 'jwk' }), kid: 'ed-key' },
  ]
  writeFileSync(file('jwks.json'), JSON.stringify({ keys }))
  const token = {
    ...{
      realm: 'https://auth.example.com/token',
      service: 'registry',
      issuer: 'issuer',
      algorithms: undefined,
      redirectPath: undefined,
    },
    ...{ rootCertBundle: file('root.pem'), jwks: file('jwks.json') },
  }
  access = openAccess(accessSettings({ token }), {
    ...{ secret: new MemorySecret(), clock: systemClock, random: systemRandom, log: silentLog },
  })
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true }))

function sign(header: JWTHeaderParameters, key: KeyObject, claims: object = CLAIMS): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader(header).sign(key)
}

async function outcomeOf(token: string): Promise<string> {
  try {
    const caller = await access.identify(`Bearer ${token}`, FROM)
    return `${caller.account} ${may(caller, 'pull', APP)}`
  } catch (error) {
    return isRegistryError(error) ? error.failure : String(error)
  }
}

describe('a token of the server that auth.token names counts', () => {
  test.each([
    [
      'RS256 under the fingerprint of a certificate',
      () =>
        sign(
          { alg: 'RS256', kid: libtrustId(new X509Certificate(readFileSync(file('root.pem'))).publicKey) },
          keyOf('root'),
        ),
    ],
    [
      'RS256 with a chain to a certificate',
      () => sign({ alg: 'RS256', x5c: [der('leaf'), der('middle')] }, keyOf('leaf')),
    ],
    [
      'RS256 with a chain that has its root',
      () => sign({ alg: 'RS256', x5c: [der('leaf'), der('middle'), der('root')] }, keyOf('leaf')),
    ],
    ['ES256 by the kid of a key set', () => sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey)],
    ['EdDSA by the kid of a key set', () => sign({ alg: 'EdDSA', kid: 'ed-key' }, ed.privateKey)],
    [
      'ES256 with the key itself, which is known',
      () => sign({ alg: 'ES256', jwk: ec.publicKey.export({ format: 'jwk' }) }, ec.privateKey),
    ],
    [
      'several audiences, one of them ours',
      () => sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey, { ...CLAIMS, aud: ['x', 'registry'] }),
    ],
  ])('%s', async (_which, make) => {
    expect(await outcomeOf(await make())).toBe('ci true')
  })
})

test('its rights are those it names, and no others', async () => {
  const caller = await access.identify(
    `Bearer ${await sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey)}`,
    FROM,
  )
  expect([may(caller, 'push', APP), may(caller, 'delete', APP)]).toEqual([true, false])
  expect(may(caller, 'pull', parseRepositoryName('other'))).toBe(false)
  expect(mayAnything(caller)).toBe(true)
})

describe('a token is refused (attack 46)', () => {
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const publicPem = (): Buffer => Buffer.from(String(ec.publicKey.export({ type: 'spki', format: 'pem' })))
  test.each([
    ['alg none', async () => `${encoded({ alg: 'none', kid: 'ec-key' })}.${encoded(CLAIMS)}.`],
    [
      'alg none with a signature',
      async () => `${encoded({ alg: 'none', kid: 'ec-key' })}.${encoded(CLAIMS)}.AAAA`,
    ],
    ['HS256 over the public key', () => sign({ alg: 'HS256', kid: 'ec-key' }, createSecretKey(publicPem()))],
    [
      'a jwk of its own',
      () => sign({ alg: 'ES256', jwk: stranger.publicKey.export({ format: 'jwk' }) }, stranger.privateKey),
    ],
    [
      'a jwk of its own under a known kid',
      () =>
        sign(
          { alg: 'ES256', kid: 'ec-key', jwk: stranger.publicKey.export({ format: 'jwk' }) },
          stranger.privateKey,
        ),
    ],
    [
      'a known jwk, and another key',
      () => sign({ alg: 'ES256', jwk: ec.publicKey.export({ format: 'jwk' }) }, stranger.privateKey),
    ],
    [
      'a chain of its own',
      () => sign({ alg: 'RS256', x5c: [der('evil-leaf'), der('evil')] }, keyOf('evil-leaf')),
    ],
    ['a chain without its middle', () => sign({ alg: 'RS256', x5c: [der('leaf')] }, keyOf('leaf'))],
    [
      'a chain through a leaf',
      () => sign({ alg: 'RS256', x5c: [der('under-leaf'), der('leaf'), der('middle')] }, keyOf('under-leaf')),
    ],
    [
      'a known chain, and another key',
      () => sign({ alg: 'RS256', x5c: [der('leaf'), der('middle')] }, keyOf('evil-leaf')),
    ],
    ['an empty chain', () => sign({ alg: 'ES256', kid: 'ec-key', x5c: [] }, ec.privateKey)],
    ['a chain that is none', () => sign({ alg: 'RS256', x5c: ['x', ''] }, keyOf('leaf'))],
    ['a jku', () => sign({ alg: 'ES256', jku: 'http://127.0.0.1/keys' }, stranger.privateKey)],
    ['a known kid and another key', () => sign({ alg: 'ES256', kid: 'ec-key' }, stranger.privateKey)],
    ['an unknown kid', () => sign({ alg: 'ES256', kid: 'x' }, ec.privateKey)],
    ['no key named at all', () => sign({ alg: 'ES256' }, ec.privateKey)],
    ['__proto__ as its kid', () => sign({ alg: 'ES256', kid: '__proto__' }, ec.privateKey)],
    [
      'the wrong audience',
      () => sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey, { ...CLAIMS, aud: 'other' }),
    ],
    [
      'no audience',
      () => sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey, { ...CLAIMS, aud: undefined }),
    ],
    [
      'the wrong issuer',
      () => sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey, { ...CLAIMS, iss: 'other' }),
    ],
    ['over', () => sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey, { ...CLAIMS, exp: NOW - 120 })],
    [
      'without an end',
      () => sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey, { ...CLAIMS, exp: undefined }),
    ],
    [
      'not yet valid',
      () => sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey, { ...CLAIMS, nbf: NOW + 300 }),
    ],
    [
      'access that cannot be read',
      () => sign({ alg: 'ES256', kid: 'ec-key' }, ec.privateKey, { ...CLAIMS, access: 'all' }),
    ],
  ])('%s', async (_which, make) => {
    expect(await outcomeOf(await make())).toBe('token-invalid')
  })
})

test('a key that is taken out of the files counts no more', async () => {
  const token = await sign({ alg: 'EdDSA', kid: 'ed-key' }, ed.privateKey, { ...CLAIMS, jti: 'late' })
  writeFileSync(
    file('jwks.json'),
    JSON.stringify({ keys: [{ ...ec.publicKey.export({ format: 'jwk' }), kid: 'ec-key' }] }),
  )
  expect(await outcomeOf(token)).toBe('token-invalid')
})
