import { appendFileSync, chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { expect, test } from '@jest/globals'

import type { TlsSettings } from '#core/config/settings.js'
import { loadCertificates } from '#core/http/tls/certificates.js'
import { openCertificates } from '#core/http/tls/renewal.js'
import { systemClock } from '#core/system/clock.js'
import { openssl, signCertificate } from '../support/certificates.js'
import { describeNeeding } from '../support/needs.js'
import { useCertificates } from './use-certificates.js'

/** Later than the certificates, which are made when the tests begin and count in whole seconds. */
const NOW = new Date(systemClock.now().getTime() + 60_000)
const DAY_MS = 86_400_000

describeNeeding([{ program: 'openssl', debianPackage: 'openssl' }], 'the files of http.tls', () => {
  const files = useCertificates()

  function settings(more: Partial<TlsSettings> = {}): TlsSettings {
    const { certificate, key } = files.made
    return { certificate, key, clientCas: [], minimumVersion: 'TLSv1.2', cipherSuites: undefined, ...more }
  }

  function fileOf(name: string, ...parts: readonly string[]): string {
    const file = path.join(files.folder, name)
    writeFileSync(file, parts.map((part) => readFileSync(part, 'utf8')).join(''))
    return file
  }

  test('that fit together are taken without a word', () => {
    const loaded = loadCertificates(settings({ clientCas: [files.made.caFile] }), NOW)
    expect(loaded.warnings).toEqual([])
    expect(loaded.context).toMatchObject({
      minVersion: 'TLSv1.2',
      ca: [readFileSync(files.made.caFile, 'utf8')],
    })
  })

  test('with the issuers after the own certificate are taken without a word', () => {
    const chain = fileOf('chain.pem', files.made.certificate, files.made.caFile)
    expect(loadCertificates(settings({ certificate: chain }), NOW).warnings).toEqual([])
  })

  test('with an issuer that did not issue are taken with a warning', () => {
    const chain = fileOf('strange.pem', files.made.certificate, files.other.certificate)
    expect(loadCertificates(settings({ certificate: chain }), NOW).warnings).toEqual([
      expect.stringMatching(/number 2 of .*strange\.pem \(CN=other\) did not issue number 1/),
    ])
  })

  test.each([
    ['expired', 31, /expired on \d{4}-\d\d-\d\d: clients refuse it/],
    ['not valid yet', -2, /is not valid before .* is the clock right\?/],
  ])('that are %s are taken with a warning', (_what, days, sentence) => {
    const { warnings } = loadCertificates(settings(), new Date(NOW.getTime() + days * DAY_MS))
    expect(warnings).toEqual([expect.stringMatching(sentence)])
  })

  test('with an old version of TLS say that nothing below 1.2 is spoken', () => {
    const loaded = loadCertificates(settings({ minimumVersion: 'TLSv1.1' }), NOW)
    expect(loaded.context.minVersion).toBe('TLSv1.2')
    expect(loaded.warnings).toEqual([expect.stringMatching(/http\.tls\.minimumtls: .* TLS 1\.2 and newer/)])
  })

  test('with a suite that OpenSSL has given up leave it out, and say so', () => {
    const cipherSuites = ['DES-CBC3-SHA', 'ECDHE-ECDSA-AES256-GCM-SHA384']
    const loaded = loadCertificates(settings({ cipherSuites }), NOW)
    expect(loaded.context.ciphers).toMatch(/^TLS_AES_128.*:ECDHE-ECDSA-AES256-GCM-SHA384$/)
    expect(loaded.warnings).toEqual([expect.stringMatching(/does not speak DES-CBC3-SHA/)])
  })

  const REFUSED: readonly (readonly [string, () => Partial<TlsSettings>, RegExp])[] = [
    [
      'a certificate that is not there',
      () => ({ certificate: '/nowhere/cert.pem' }),
      /^http\.tls\.certificate names \/nowhere\/cert\.pem: there is no such file$/,
    ],
    ['a key that is a folder', () => ({ key: files.folder }), /^http\.tls\.key names .*: this is a folder$/],
    [
      'a key of another certificate',
      () => ({ key: files.other.key }),
      /the key .*other\.key does not belong to the certificate .*server\.pem \(CN=localhost\)/,
    ],
    [
      'a chain that begins with the issuer',
      () => ({ certificate: fileOf('turned.pem', files.made.caFile, files.made.certificate) }),
      /belongs to certificate number 2 of .*turned\.pem; write the server's own certificate first/,
    ],
    [
      'a certificate where the key should be',
      () => ({ key: files.made.certificate }),
      /http\.tls\.key names .*: there is no private key in it, as PEM/,
    ],
    [
      'a key where the certificate should be',
      () => ({ certificate: files.made.key }),
      /http\.tls\.certificate names .*: there is no certificate in it, as PEM/,
    ],
    [
      'an authority for clients without a certificate in it',
      () => ({ clientCas: [files.made.caFile, files.made.key] }),
      /http\.tls\.clientcas names .*server\.key: there is no certificate in it/,
    ],
  ]
  test.each(REFUSED)('with %s are refused, naming the file', (_what, more, sentence) => {
    expect(() => loadCertificates(settings(more()), NOW)).toThrow(sentence)
  })

  test('with a key that has a passphrase are refused with the line to type', async () => {
    const locked = path.join(files.folder, 'locked.key')
    await openssl(['pkey', '-in', files.made.key, '-aes256', '-passout', 'pass:secret', '-out', locked])
    expect(() => loadCertificates(settings({ key: locked }), NOW)).toThrow(
      /locked\.key: it has a passphrase.*openssl pkey -in/,
    )
  })

  test('that are renewed are taken, told once, and the old ones stay while the new do not fit', async () => {
    const live = {
      certificate: path.join(files.folder, 'live.pem'),
      key: path.join(files.folder, 'live.key'),
    }
    copyFileSync(files.made.certificate, live.certificate)
    copyFileSync(files.made.key, live.key)
    const certificates = openCertificates(settings(live), { now: () => NOW })
    const used: unknown[] = []
    certificates.onRenewal((context) => used.push(context.cert))
    expect(certificates.renew()).toBeUndefined()

    const next = await signCertificate(files.folder, 'next', files.made, ['DNS:localhost'])
    copyFileSync(next.certificate, live.certificate)
    expect(() => certificates.renew()).toThrow(/does not belong to the certificate/)
    expect(certificates.renew()).toBeUndefined()
    expect(certificates.context.cert).toBe(readFileSync(files.made.certificate, 'utf8'))

    copyFileSync(next.key, live.key)
    expect(certificates.renew()).toMatch(/live\.pem was renewed/)
    expect(used).toEqual([readFileSync(next.certificate, 'utf8')])
    appendFileSync(live.key, '\n')
    chmodSync(live.key, 0o600)
    expect(certificates.renew()).toMatch(/was renewed/)
  })
})
