import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { systemClock } from '../../system/clock.js'
import { systemRandom } from '../../system/random.js'
import { ensureOwnCertificates, findOwnCertificates, type OwnCertificates } from './own-certificates.js'
import { findServerCertificate } from './server-certificate.js'

const DAY_MS = 24 * 60 * 60 * 1000
const NAMES = ['registry.example', 'quay.io', '127.0.0.1', '::1']

let folder: string
let now: Date
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(os.tmpdir(), 'e-')), 'certificates')
  now = systemClock.now()
})
afterEach(() => rmSync(path.dirname(folder), { recursive: true }))

function ensure(names: readonly string[] = NAMES): Promise<OwnCertificates> {
  return ensureOwnCertificates({ folder, names, clock: { now: () => now }, random: systemRandom })
}

function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' })
}

function modeOf(file: string): string {
  return (statSync(file).mode & 0o777).toString(8)
}

describe('what the first start makes', () => {
  test('openssl takes the chain for each of the names, and for no other', async () => {
    const made = await ensure()
    const verify = (...args: readonly string[]): string =>
      openssl(
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-CAfile',
        made.caFile,
        ...args,
        made.certificate,
      )
    expect(verify('-verify_hostname', 'registry.example')).toContain('OK')
    expect(verify('-verify_hostname', 'quay.io')).toContain('OK')
    expect(verify('-verify_ip', '127.0.0.1')).toContain('OK')
    expect(verify('-verify_ip', '0:0:0:0:0:0:0:1')).toContain('OK')
    expect(() => verify('-verify_hostname', 'other.example')).toThrow('hostname mismatch')
  })

  test('the authority signs servers and no other authorities, for ten years', async () => {
    const { caFile } = await ensure()
    const text = openssl('x509', '-in', caFile, '-noout', '-text')
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/)
    expect(text).toMatch(/Subject: O = Entrepot, CN = Entrepot CA [0-9a-f]{8} \(registry\.example\)/)
    expect(text).toContain('X509v3 Subject Key Identifier')
    expect(text).toContain('ASN1 OID: prime256v1')
    openssl('x509', '-in', caFile, '-noout', '-checkend', String((3648 * DAY_MS) / 1000))
  })

  test("the server certificate lasts 397 days, from the day before on, and names its authority's key", async () => {
    const { certificate, caFile, server } = await ensure()
    expect(server.notAfter.getTime() - server.notBefore.getTime()).toBe(397 * DAY_MS)
    expect(Math.abs(now.getTime() - server.notBefore.getTime() - DAY_MS)).toBeLessThan(2000)
    const text = openssl('x509', '-in', certificate, '-noout', '-text')
    expect(text).toMatch(/Extended Key Usage: *\s+TLS Web Server Authentication/)
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/)
    const keyId = /Subject Key Identifier: \s+([0-9A-F:]+)/.exec(
      openssl('x509', '-in', caFile, '-noout', '-text'),
    )?.[1]
    expect(keyId).toMatch(/^([0-9A-F]{2}:){19}/)
    expect(text).toMatch(new RegExp(`Authority Key Identifier: \\s+(keyid:)?${keyId}`))
    expect(server).toMatchObject({ names: NAMES, selfIssued: false })
  })

  test('the fingerprint is the one that openssl shows', async () => {
    const { caFile, fingerprint, certificate, server } = await ensure()
    const shown = (file: string): string =>
      openssl('x509', '-in', file, '-noout', '-fingerprint', '-sha256').trim().split('=')[1] ?? ''
    expect(fingerprint).toBe(shown(caFile))
    expect(server.fingerprint).toBe(shown(certificate))
    expect(path.basename(certificate, '.pem')).toBe(shown(certificate).replaceAll(':', '').toLowerCase())
  })

  test('keys are for the owner only, under any umask, and nothing else lies about', async () => {
    const { caFile, key } = await ensure()
    expect(modeOf(path.join(folder, 'ca.key'))).toBe('600')
    expect(modeOf(key)).toBe('600')
    expect(modeOf(path.join(folder, 'server'))).toBe('700')
    expect(modeOf(caFile)).toBe('644')
    expect(readdirSync(folder).sort()).toEqual(['ca.key', 'ca.pem', 'server'])
    expect(readdirSync(path.join(folder, 'server'))).toHaveLength(2)
  })

  test('a client that trusts the authority shakes hands by name and by address', async () => {
    const { caFile, certificate, key } = await ensure()
    const server = tls.createServer({ cert: readFileSync(certificate), key: readFileSync(key) })
    server.on('secureConnection', (socket) => socket.end())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const connect = async (options: tls.ConnectionOptions): Promise<boolean> => {
      const socket = tls.connect({ port, host: '127.0.0.1', ca: readFileSync(caFile), ...options })
      try {
        await once(socket, 'secureConnect')
        return socket.authorized
      } finally {
        socket.destroy()
      }
    }
    try {
      await expect(connect({})).resolves.toBe(true)
      await expect(connect({ servername: 'quay.io' })).resolves.toBe(true)
      await expect(connect({ servername: 'other.example' })).rejects.toMatchObject({
        code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      })
    } finally {
      server.close()
    }
  })

  test('two that start at once get the same authority', async () => {
    const [one, other] = await Promise.all([ensure(), ensure(['other.example'])])
    expect(one.fingerprint).toBe(other.fingerprint)
    openssl('verify', '-CAfile', one.caFile, one.certificate, other.certificate)
  })
})

describe('what a later start finds', () => {
  test('the same names, in any order: nothing changes', async () => {
    const before = await ensure()
    const after = await ensure([...NAMES].reverse())
    expect(after.certificate).toBe(before.certificate)
    expect(readdirSync(path.join(folder, 'server'))).toHaveLength(2)
  })

  test('other names get another certificate, and the former names the former one', async () => {
    const first = await ensure()
    const second = await ensure(['registry.example'])
    expect(second.certificate).not.toBe(first.certificate)
    expect(second.fingerprint).toBe(first.fingerprint)
    expect((await ensure()).certificate).toBe(first.certificate)
  })

  test('a third of its life left: there is a new one, and the old files stay for a rollback', async () => {
    const first = await ensure()
    now = new Date(now.getTime() + 260 * DAY_MS)
    expect((await ensure()).certificate).toBe(first.certificate)
    now = new Date(now.getTime() + 5 * DAY_MS)
    const second = await ensure()
    expect(second.certificate).not.toBe(first.certificate)
    expect(second.fingerprint).toBe(first.fingerprint)
    expect(readFileSync(first.certificate, 'utf8')).toBe(first.server.pem)
    expect((await ensure()).certificate).toBe(second.certificate)
  })

  test('no certificate outlives its authority, and at its end none is made over and over', async () => {
    const { ca } = await ensure()
    now = new Date(ca.notAfter.getTime() - 100 * DAY_MS)
    const last = await ensure()
    expect(last.server.notAfter).toEqual(ca.notAfter)
    now = new Date(ca.notAfter.getTime() - DAY_MS)
    expect((await ensure()).certificate).toBe(last.certificate)
  })

  test('a server key that is gone or damaged: another certificate is made', async () => {
    const first = await ensure()
    rmSync(first.key)
    const second = await ensure()
    expect(second.certificate).not.toBe(first.certificate)
    writeFileSync(second.key, 'torn')
    expect((await ensure()).certificate).not.toBe(second.certificate)
  })

  test('a start that was cut short after the key goes on with it', async () => {
    const first = await ensure()
    const key = readFileSync(path.join(folder, 'ca.key'), 'utf8')
    rmSync(first.caFile)
    const second = await ensure()
    expect(second.fingerprint).not.toBe(first.fingerprint)
    expect(readFileSync(path.join(folder, 'ca.key'), 'utf8')).toBe(key)
    expect(second.certificate).toBe(first.certificate)
    openssl('verify', '-CAfile', second.caFile, second.certificate)
  })

  test('a key that others may read is closed', async () => {
    await ensure()
    chmodSync(path.join(folder, 'ca.key'), 0o644)
    await ensure()
    expect(modeOf(path.join(folder, 'ca.key'))).toBe('600')
  })
})

describe('an authority that cannot be used is said, and never made anew in silence', () => {
  test('without its key', async () => {
    await ensure()
    rmSync(path.join(folder, 'ca.key'))
    await expect(ensure()).rejects.toMatchObject({ kind: 'own-ca-key-missing', field: 'box' })
    expect(readdirSync(folder)).not.toContain('ca.key')
  })

  test('with the key of another', async () => {
    await ensure()
    const key = openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')
    writeFileSync(path.join(folder, 'ca.key'), key)
    await expect(ensure()).rejects.toMatchObject({ kind: 'own-ca-key-does-not-fit' })
  })

  test('torn or of another kind', async () => {
    await ensure()
    writeFileSync(path.join(folder, 'ca.key'), openssl('genpkey', '-algorithm', 'ed25519'))
    await expect(ensure()).rejects.toThrow('no ECDSA key on P-256')
    writeFileSync(path.join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nMIIB')
    await expect(ensure()).rejects.toThrow('ca.pem cannot be read (it is no certificate as PEM)')
  })

  test('a name that is none is refused before anything is made', async () => {
    await expect(ensure(['registry.example:5443'])).rejects.toMatchObject({
      kind: 'name-invalid',
      field: 'names',
    })
    expect(() => readdirSync(folder)).toThrow('ENOENT')
  })
})

describe('what was read is kept, and yet', () => {
  /** Long enough after they were written that what was read of them is kept. */
  async function untilOld(...files: readonly string[]): Promise<void> {
    const youngest = Math.max(...files.map((file) => statSync(file).ctimeMs))
    while (systemClock.now().getTime() < youngest + 200) await systemClock.sleep(10)
  }

  test('a key of the same size in the place of another is seen at once', async () => {
    const [one, other] = [await ensure(), await ensure(['other.example'])]
    await untilOld(one.certificate, one.key)
    const { fingerprint } = one.server
    expect(await findServerCertificate(folder, fingerprint)).toEqual(one.server)
    expect(statSync(other.key).size).toBe(statSync(one.key).size)
    writeFileSync(one.key, readFileSync(other.key))
    expect(await findServerCertificate(folder, fingerprint)).toBeUndefined()
    writeFileSync(one.certificate, readFileSync(other.certificate))
    expect(await findServerCertificate(folder, fingerprint)).toEqual(other.server)
  })

  test('another authority in the place of the own one is seen at once', async () => {
    const made = await ensure()
    const elsewhere = `${folder}-2`
    const other = await ensureOwnCertificates({
      ...{ folder: elsewhere, names: NAMES, clock: { now: () => now }, random: systemRandom },
    })
    await untilOld(made.caFile, made.key, other.caFile)
    expect((await ensure()).ca).toBe((await ensure()).ca)
    for (const name of ['ca.pem', 'ca.key'])
      writeFileSync(path.join(folder, name), readFileSync(path.join(elsewhere, name)))
    const again = await ensure()
    expect([again.fingerprint, again.server.fingerprint]).toEqual([
      other.fingerprint,
      expect.not.stringMatching(made.server.fingerprint),
    ])
  })

  test('its end is that of now', async () => {
    const made = await ensure()
    await untilOld(made.caFile, made.certificate)
    expect((await ensure()).server).toEqual(made.server)
    now = new Date(made.server.notAfter.getTime() - DAY_MS)
    expect((await findOwnCertificates({ folder, names: NAMES, clock: { now: () => now } })).server).toEqual(
      made.server,
    )
    expect((await ensure()).server.fingerprint).not.toBe(made.server.fingerprint)
  })
})
