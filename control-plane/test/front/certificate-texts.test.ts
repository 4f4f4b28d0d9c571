import tls from 'node:tls'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { CertificateRefused } from '#control/front/certificates/certificate-refused.js'
import { checkUploaded, type UploadedTexts } from '#control/front/certificates/uploaded.js'
import { systemClock } from '#control/system/clock.js'

import { AUTHORITY, CompanyPki, type Issued, server } from './company-pki.js'

let pki: CompanyPki
let middle: Issued
let one: Issued
let root: Issued
beforeAll(() => {
  pki = new CompanyPki()
  root = pki.issue('/CN=Company Root', { extensions: AUTHORITY })
  middle = pki.issue('/CN=Company Issuing', { issuer: root, extensions: AUTHORITY })
  one = pki.issue('/CN=registry.example', { issuer: middle, extensions: server('DNS:registry.example') })
})
afterAll(() => pki.remove())

function refusal(texts: Partial<UploadedTexts>): CertificateRefused {
  const certificate = one.certificate + middle.certificate + root.certificate
  try {
    checkUploaded({ certificate, key: one.key, boxNames: [], now: systemClock.now(), roots: [], ...texts })
  } catch (error) {
    if (error instanceof CertificateRefused) return error
    throw error
  }
  throw new Error('it was taken')
}

describe('a text that is no PEM is refused with what it is', () => {
  const der = (text: string): string => pki.convert(text, 'x509', '-outform', 'DER').toString('latin1')

  test.each<[string, () => Partial<UploadedTexts>, string, string]>([
    ['nothing', () => ({ certificate: ' \n' }), 'pem-missing', 'it is empty'],
    [
      'DER as latin1',
      () => ({ certificate: der(one.certificate) }),
      'pem-missing',
      'openssl x509 -inform DER',
    ],
    [
      'DER as UTF-8',
      () => ({ certificate: Buffer.from(der(one.certificate), 'latin1').toString() }),
      'pem-missing',
      'it is binary',
    ],
    [
      'a key as DER',
      () => ({ key: pki.convert(one.key, 'pkey', '-outform', 'DER').toString('latin1') }),
      'pem-missing',
      'openssl pkey -inform DER',
    ],
    [
      'base64 only',
      () => ({ certificate: one.certificate.replaceAll(/-----.*\n/g, '') }),
      'pem-missing',
      'it is base64 without',
    ],
    [
      'escaped line ends',
      () => ({ certificate: one.certificate.replaceAll('\n', String.raw`\n`) }),
      'pem-missing',
      'send real line ends',
    ],
    [
      'joined lines',
      () => ({ certificate: one.certificate.replaceAll('\n', ' ') }),
      'pem-missing',
      'its lines were joined',
    ],
    ['other words', () => ({ certificate: 'hello' }), 'pem-missing', 'it has no line'],
    ['a key for a certificate', () => ({ certificate: one.key }), 'pem-missing', 'this is a private key'],
    [
      'a certificate for a key',
      () => ({ key: one.certificate }),
      'pem-missing',
      'there is no private key as PEM: this is a certificate',
    ],
    [
      'a public key',
      () => ({ key: pki.convert(one.key, 'pkey', '-pubout').toString() }),
      'pem-missing',
      'this is the public half',
    ],
    [
      'a request',
      () => ({ certificate: '-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----' }),
      'pem-missing',
      'have it signed',
    ],
    [
      'PKCS#7',
      () => ({ certificate: '-----BEGIN PKCS7-----\nAA==\n-----END PKCS7-----' }),
      'pem-missing',
      'openssl pkcs7 -print_certs',
    ],
    ['no key', () => ({ key: '' }), 'key-missing', 'there is no private key'],
    ['two keys', () => ({ key: one.key + root.key }), 'keys-several', 'there are 2 private keys'],
    [
      'an encrypted key',
      () => ({ key: pki.convert(one.key, 'pkcs8', '-topk8', '-passout', 'pass:x').toString() }),
      'key-encrypted',
      'openssl pkey',
    ],
    [
      'an encrypted old key',
      () => ({ key: pki.convert(one.key, 'ec', '-aes128', '-passout', 'pass:x').toString() }),
      'key-encrypted',
      'has a passphrase',
    ],
    [
      'a cut certificate',
      () => ({ certificate: one.certificate.slice(0, -40) }),
      'pem-cut',
      'BEGIN CERTIFICATE" has no end',
    ],
    [
      'a cut one before another',
      () => ({ certificate: one.certificate.slice(0, 200) + middle.certificate }),
      'pem-cut',
      'copy it whole',
    ],
    [
      'a damaged certificate',
      () => ({ certificate: one.certificate + middle.certificate.replace('MII', 'AAA') }),
      'certificate-unreadable',
      'certificate 2 cannot be read',
    ],
    ['a damaged key', () => ({ key: one.key.replace('MIG', 'AAA') }), 'key-unreadable', 'copy it anew'],
    [
      'a bundle',
      () => ({ certificate: tls.rootCertificates.slice(0, 21).join('\n') }),
      'certificates-too-many',
      'there are 21 certificates, at most 20',
    ],
    ['too much', () => ({ certificate: 'x'.repeat(256 * 1024 + 1) }), 'pem-too-large', '262144 bytes'],
  ])('%s', (_, texts, kind, words) => {
    const refused = refusal(texts())
    expect(refused.message).toContain(words)
    expect(refused.kind).toBe(kind)
  })

  test('no sentence repeats a private key', () => {
    const secret = one.key.split('\n')[1] ?? ''
    for (const key of [
      one.key + root.key,
      one.key.replace('MIG', 'AAA'),
      one.key.slice(0, -20),
      one.key.replaceAll('\n', ' '),
    ])
      expect(refusal({ key }).message).not.toContain(secret.slice(8, 24))
  })

  test('a text made up to be slow is read in no time', () => {
    const certificate = '-----BEGIN A-----\n-----END A-----\n'.repeat(7000)
    const started = systemClock.elapsedMs()
    expect(refusal({ certificate, key: certificate })).toMatchObject({ kind: 'pem-missing' })
    expect(systemClock.elapsedMs() - started).toBeLessThan(2000)
  })
})
