import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { CertificateRefused } from '#control/front/certificates/certificate-refused.js'
import { parseNames } from '#control/front/certificates/names.js'
import {
  checkUploaded,
  type CheckedCertificate,
  type UploadedTexts,
} from '#control/front/certificates/uploaded.js'
import { systemClock } from '#control/system/clock.js'

import { AUTHORITY, CompanyPki, type Issued, server, shakesHands } from './company-pki.js'

const DAY_MS = 24 * 60 * 60 * 1000
const BOX = parseNames(['registry.example', '10.0.0.1'])
const NAMES = server('DNS:registry.example', 'IP:10.0.0.1')
/** After all that the tests let issue meanwhile. */
const now = new Date(systemClock.now().getTime() + 60 * 60 * 1000)

let pki: CompanyPki
let root: Issued
let middle: Issued
let one: Issued
beforeAll(() => {
  pki = new CompanyPki()
  root = pki.issue('/O=Company/CN=Company Root', { extensions: AUTHORITY, days: 3000 })
  middle = pki.issue('/O=Company/CN=Company Issuing', { issuer: root, extensions: AUTHORITY, days: 2000 })
  one = pki.issue('/CN=registry.example', { issuer: middle, extensions: NAMES })
})
afterAll(() => pki.remove())

function check(texts: Partial<UploadedTexts> = {}): CheckedCertificate {
  const certificate = one.certificate + middle.certificate + root.certificate
  return checkUploaded({ certificate, key: one.key, boxNames: BOX, now, roots: [], ...texts })
}

function refusal(texts: Partial<UploadedTexts>): CertificateRefused {
  try {
    check(texts)
  } catch (error) {
    if (error instanceof CertificateRefused) return error
    throw error
  }
  throw new Error('it was taken')
}

function kinds({ warnings }: CheckedCertificate): readonly string[] {
  return warnings.map(({ kind }) => kind)
}

describe('a certificate that is right', () => {
  test('comes back with what the box has to know, and nothing to say', () => {
    const { certificate, root: found, warnings } = check()
    expect(warnings).toEqual([])
    expect(certificate).toMatchObject({
      names: ['registry.example', '10.0.0.1'],
      issuer: 'O=Company, CN=Company Issuing',
      selfIssued: false,
    })
    expect(certificate.pem).toBe(one.certificate + middle.certificate)
    expect(found).toBe(root.certificate)
  })

  test('serves a client that has the root only', async () => {
    expect(await shakesHands(check().certificate, root, 'registry.example')).toBe(true)
  })

  test.each([
    ['reversed', () => root.certificate + middle.certificate + one.certificate],
    ['with the root first', () => root.certificate + one.certificate + middle.certificate],
  ])('is put into order: %s', (_, text) => {
    const taken = check({ certificate: text() })
    expect(taken.certificate.pem).toBe(one.certificate + middle.certificate)
    expect(kinds(taken)).toEqual(['sorted'])
  })

  test('may be sent twice, with Windows line ends, a byte order mark and words between', () => {
    const text = `\ufeffsubject=CN = registry.example\n${one.certificate}${one.certificate}${middle.certificate}${root.certificate}`
    const taken = check({ certificate: text.replaceAll('\n', '\r\n') })
    expect(taken.certificate.pem).toBe(one.certificate + middle.certificate)
    expect(taken.warnings).toEqual([])
  })

  test('its key may be PKCS#8 or SEC1, after its parameters, or stand in the same text', () => {
    const sec1 = pki.convert(one.key, 'ec').toString()
    const parameters = pki.openssl('ecparam', '-name', 'prime256v1')
    expect(sec1).toContain('BEGIN EC PRIVATE KEY')
    for (const key of [one.key, sec1, parameters + sec1])
      expect(check({ key }).certificate.keyPem).toBe(one.key)
    const certificate = one.key + one.certificate + middle.certificate + root.certificate
    expect(check({ certificate, key: '' }).certificate.keyPem).toBe(one.key)
    expect(
      check({ certificate: one.key, key: one.certificate + middle.certificate + root.certificate }).warnings,
    ).toEqual([])
  })

  test('its key may be RSA, as PKCS#1', () => {
    const rsa = pki.issue('/CN=registry.example', { issuer: root, key: 'rsa:2048', extensions: NAMES })
    const pkcs1 = pki.convert(rsa.key, 'rsa', '-traditional').toString()
    expect(pkcs1).toContain('BEGIN RSA PRIVATE KEY')
    const taken = check({ certificate: rsa.certificate + root.certificate, key: pkcs1 })
    expect(taken.certificate.keyPem).toBe(rsa.key)
  })

  test('its key may be ECDSA on P-521, which serves as well', async () => {
    const wish = { issuer: root, keyOptions: ['ec_paramgen_curve:secp521r1'], extensions: NAMES }
    const large = pki.issue('/CN=registry.example', wish)
    const taken = check({ certificate: large.certificate + root.certificate, key: large.key })
    expect(taken.warnings).toEqual([])
    expect(await shakesHands(taken.certificate, root, 'registry.example')).toBe(true)
  })

  test('what stands behind its last line is left out', () => {
    const garbage = `garbage ${'\u0000\ufffd'.repeat(50)}`
    const certificate = one.certificate + middle.certificate + root.certificate + garbage
    const taken = check({ certificate, key: `${one.key}${garbage}` })
    expect(taken.certificate.pem).toBe(one.certificate + middle.certificate)
    expect(taken.certificate.keyPem).toBe(one.key)
  })

  test('needs no root when the roots that everybody has hold it', () => {
    const certificate = one.certificate + middle.certificate
    const taken = check({ certificate, roots: [root.certificate] })
    expect(taken.warnings).toEqual([])
    expect(taken.root).toBeUndefined()
  })

  test('of two for one key the one that lasts longer is taken, and the other left out', () => {
    const csr = pki.convert(one.certificate, 'x509', '-x509toreq', '-signkey', pki.fileOf(one.key)).toString()
    const renewed = pki.sign(csr, { issuer: middle, extensions: NAMES, days: 350 })
    const taken = check({ certificate: one.certificate + renewed + middle.certificate + root.certificate })
    expect(taken.certificate.pem).toBe(renewed + middle.certificate)
    expect(kinds(taken)).toContain('unused')
  })

  test('may have issued itself', () => {
    const own = pki.issue('/CN=registry.example', { extensions: NAMES.slice(0, 2) })
    const taken = check({ certificate: own.certificate, key: own.key })
    expect(kinds(taken)).toEqual(['self-issued'])
    expect(taken).toMatchObject({ certificate: { selfIssued: true }, root: own.certificate })
  })

  test('a cross-signed authority whose other root is unknown is whole by the known one', () => {
    const elsewhere = pki.issue('/O=Gone/CN=Old Root', { extensions: AUTHORITY })
    const csr = pki
      .convert(root.certificate, 'x509', '-x509toreq', '-signkey', pki.fileOf(root.key))
      .toString()
    const cross = pki.sign(csr, { issuer: elsewhere, extensions: AUTHORITY, days: 200 })
    const certificate = one.certificate + middle.certificate + cross
    const taken = check({ certificate, roots: [root.certificate] })
    expect(taken.certificate.pem).toBe(certificate)
    expect(kinds(taken)).toEqual(['issuer-ends-first'])
    expect(taken.certificate.chainEnd?.getTime()).toBeLessThan(now.getTime() + 201 * DAY_MS)
  })
})

describe('what clients may stumble over is said', () => {
  test('names of the box that it has not', () => {
    const taken = check({ boxNames: parseNames(['registry.example', 'mirror.example', '10.0.0.2']) })
    expect(taken.warnings).toEqual([
      {
        kind: 'names-missing',
        sentence: expect.stringContaining('ask for mirror.example, 10.0.0.2 will refuse it'),
      },
    ])
  })

  test('a wildcard has the names below it', () => {
    const wild = pki.issue('/CN=x', { issuer: root, extensions: server('DNS:*.example') })
    const boxNames = parseNames(['registry.example', 'a.b.example'])
    const taken = check({ certificate: wild.certificate + root.certificate, key: wild.key, boxNames })
    expect(taken.warnings[0]?.sentence).toContain('clients that ask for a.b.example will')
  })

  test('an end that is near, and a life that Apple refuses', () => {
    expect(check({ now: new Date(now.getTime() + 280 * DAY_MS) }).warnings[0]?.sentence).toBe(
      'it ends in 19 days',
    )
    const long = pki.issue('/CN=x', { issuer: root, extensions: NAMES, days: 1000 })
    expect(kinds(check({ certificate: long.certificate + root.certificate, key: long.key }))).toEqual([
      'lasts-too-long',
    ])
  })

  test('an issuer that was not sent, for who is sure that clients have it', () => {
    const taken = check({ certificate: one.certificate + middle.certificate, allowUnknownIssuer: true })
    expect(taken.warnings[0]?.sentence).toContain(
      'its last issuer, "O=Company, CN=Company Root", was not sent',
    )
  })
})

describe('what clients would refuse is refused, with the certificate and what to do', () => {
  test('an issuer is missing', () => {
    expect(refusal({ certificate: one.certificate })).toMatchObject({
      kind: 'issuer-missing',
      field: 'certificate',
      message: expect.stringContaining(
        'certificate 1 (CN=registry.example) was issued by "O=Company, CN=Company Issuing"',
      ),
    })
    expect(refusal({ certificate: one.certificate + root.certificate }).message).toContain('Company Issuing')
    expect(refusal({ certificate: one.certificate + middle.certificate }).message).toContain(
      'certificate 2 (O=Company, CN=Company Issuing) was issued by "O=Company, CN=Company Root"',
    )
  })

  test('an issuer has the right name and another key', () => {
    const impostor = pki.issue('/O=Company/CN=Company Issuing', { issuer: root, extensions: AUTHORITY })
    const certificate = one.certificate + impostor.certificate + root.certificate
    expect(refusal({ certificate })).toMatchObject({ kind: 'issuer-missing' })
  })

  test('it was issued by one that is no authority', () => {
    const child = pki.issue('/CN=child.example', {
      issuer: one,
      extensions: ['subjectAltName=DNS:child.example'],
    })
    const certificate = child.certificate + one.certificate + middle.certificate + root.certificate
    expect(refusal({ certificate, key: child.key })).toMatchObject({
      kind: 'issuer-is-no-authority',
      message: expect.stringContaining('certificate 2 (CN=registry.example) has signed certificate 1'),
    })
  })

  test('the key belongs to another', () => {
    expect(refusal({ key: root.key, certificate: one.certificate + middle.certificate })).toMatchObject({
      kind: 'key-does-not-fit',
      field: 'key',
      message: expect.stringContaining('(certificate 1 (CN=registry.example); certificate 2 (O=Company'),
    })
    const rsa = pki.openssl('genrsa', '2048')
    expect(refusal({ key: rsa })).toMatchObject({ kind: 'key-does-not-fit' })
  })

  test('its time is over, or has not come', () => {
    const later = refusal({ now: new Date(now.getTime() + 301 * DAY_MS) })
    expect(later.message).toMatch(
      /^certificate 1 \(CN=registry\.example\) ended at \d{4}-\d\d-\d\dT[\d:]+Z: send/,
    )
    const earlier = refusal({ now: new Date(now.getTime() - DAY_MS) })
    expect(earlier.message).toMatch(/begins at .*Z, and here it is .*Z: wait, or put right the clock/)
  })

  test('its issuer is over', () => {
    const short = pki.issue('/CN=Short', { issuer: root, extensions: AUTHORITY, days: 10 })
    const leaf = pki.issue('/CN=registry.example', { issuer: short, extensions: NAMES })
    const certificate = leaf.certificate + short.certificate + root.certificate
    expect(kinds(check({ certificate, key: leaf.key }))).toEqual(['ends-soon', 'issuer-ends-first'])
    const over = refusal({ certificate, key: leaf.key, now: new Date(now.getTime() + 11 * DAY_MS) })
    expect(over).toMatchObject({ kind: 'expired', detail: { which: { number: 2, subject: 'CN=Short' } } })
  })

  test.each([
    ['rsa:1024', [], 'key-weak', 'RSA 1024 bits, and clients take 2048 bits and more'],
    ['ec', ['ec_paramgen_curve:secp256k1'], 'key-kind', 'EC secp256k1'],
    ['ed448', [], 'key-kind', 'ED448'],
  ])('its key is %s %s', (key, keyOptions, kind, words) => {
    const weak = pki.issue('/CN=x', { issuer: root, key, keyOptions, extensions: NAMES })
    const refused = refusal({ certificate: weak.certificate + root.certificate, key: weak.key })
    expect(refused).toMatchObject({ kind, message: expect.stringContaining(words) })
  })

  test.each(['sha1', 'md5'])('it is signed with %s', (digest) => {
    const old = pki.issue('/CN=Old CA', { key: 'rsa:2048', extensions: AUTHORITY })
    const leaf = pki.issue('/CN=x', { issuer: old, digest, extensions: NAMES })
    const refused = refusal({ certificate: leaf.certificate + old.certificate, key: leaf.key })
    expect(refused).toMatchObject({
      kind: 'signature-weak',
      message: expect.stringContaining(`signed with ${digest}WithRSA`),
    })
  })

  test('an old root may be signed with anything: nobody looks at its signature', () => {
    const old = pki.issue('/CN=Old CA', { key: 'rsa:2048', digest: 'sha1', extensions: AUTHORITY })
    const leaf = pki.issue('/CN=x', { issuer: old, extensions: NAMES })
    expect(check({ certificate: leaf.certificate + old.certificate, key: leaf.key }).warnings).toEqual([])
  })

  test('it has a common name only, or none that a client asks for', () => {
    for (const extensions of [[], ['subjectAltName=email:a@b.example']]) {
      const nameless = pki.issue('/CN=registry.example', { issuer: root, extensions })
      const refused = refusal({ certificate: nameless.certificate + root.certificate, key: nameless.key })
      expect(refused).toMatchObject({
        kind: 'no-names',
        message: expect.stringContaining('"DNS:…" or "IP:…"'),
      })
    }
  })

  test('it is for clients only', () => {
    const extensions = ['subjectAltName=DNS:registry.example', 'extendedKeyUsage=clientAuth']
    const client = pki.issue('/CN=x', { issuer: root, extensions })
    expect(refusal({ certificate: client.certificate + root.certificate, key: client.key })).toMatchObject({
      kind: 'not-for-servers',
    })
  })
})
