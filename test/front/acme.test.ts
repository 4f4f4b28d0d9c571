import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'

import { type AcmeOptions, orderAcmeCertificate } from '#control/front/certificates/acme/acme-certificates.js'
import { sealPlainFiles } from '#control/front/certificates/acme/sealed-file.js'
import { openChallengeFolder } from '#control/front/certificates/acme/challenge-folder.js'
import { parseNames } from '#control/front/certificates/names.js'
import { storeServerCertificate } from '#control/front/certificates/server-certificate.js'
import { systemClock } from '#control/system/clock.js'
import { systemRandom } from '#control/system/random.js'
import { Sealing } from '#control/system/sealed.js'

import { openssl } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { describeNeeding } from '../support/needs.js'
import { type AcmeTestServer, serveChallenges, startAcmeServer } from './acme-server.js'

describeNeeding([{ program: 'pebble', debianPackage: 'pebble' }], 'a certificate by ACME', () => {
  let home: string
  let server: AcmeTestServer
  beforeAll(async () => {
    home = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    server = await startAcmeServer(home)
  })
  afterAll(async () => {
    await server.stop()
    rmSync(home, { recursive: true })
  })

  let folder: string
  let challenges: string
  let web: Awaited<ReturnType<typeof serveChallenges>> | undefined
  beforeEach(async () => {
    folder = mkdtempSync(path.join(home, 'certificates-'))
    challenges = path.join(folder, 'challenges')
    web = await serveChallenges(challenges, server.httpPort)
  })
  afterEach(() => web?.stop())

  async function order(
    names: readonly string[],
    options: Partial<Omit<AcmeOptions, 'names'>> = {},
  ): Promise<Awaited<ReturnType<typeof orderAcmeCertificate>>> {
    const { directoryUrl, directoryCa } = server
    const ordered = await orderAcmeCertificate({
      folder,
      sealing: new Sealing(Buffer.alloc(32, 7), systemRandom),
      names: parseNames(names, { wildcard: true }),
      settings: { directoryUrl, directoryCa, contactMail: 'admin@registry.example' },
      challenges: await openChallengeFolder(challenges, systemRandom),
      clock: systemClock,
      random: systemRandom,
      signal: AbortSignal.timeout(40_000),
      ...options,
    })
    await ordered.orders.drop() // as whoever takes it into force
    return ordered
  }

  test('holds for all names, under the root of the authority', async () => {
    const { certificate, warnings } = await order(['registry.example', 'mirror.example'])
    const files = await storeServerCertificate(folder, certificate, systemRandom)
    const root = path.join(home, 'root.pem')
    writeFileSync(root, await server.root())
    for (const name of ['registry.example', 'mirror.example']) {
      const args = ['-CAfile', root, '-untrusted', files.certificate, '-verify_hostname', name]
      expect(await openssl(['verify', ...args, files.certificate])).toContain('OK')
    }
    expect(warnings.map(({ kind }) => kind)).toContain('issuer-not-sent')
  })

  test('leaves no challenge behind, and an account key that is closed to others', async () => {
    await order(['tidy.example'])
    const [asked, ...others] = new Set(web?.asked()) // from several places, as authorities do
    expect(asked).toMatch(/^\/\.well-known\/acme-challenge\/[\w-]+$/)
    expect(others).toEqual([])
    expect(readdirSync(challenges)).toEqual([])
    const [key = ''] = readdirSync(path.join(folder, 'acme'))
    expect((statSync(path.join(folder, 'acme', key)).mode & 0o777).toString(8)).toBe('600')
  })

  test('leaves no key that can be read without the key of the box; a plain one of before is used once more, and sealed', async () => {
    const acme = path.join(folder, 'acme')
    const sealing = new Sealing(Buffer.alloc(32, 7), systemRandom)
    await order(['sealed.example'])
    const [name = ''] = readdirSync(acme)
    const sealed = readFileSync(path.join(acme, name), 'utf8')
    expect(sealed).toMatch(/^[A-Za-z0-9+/=]+\n$/)
    const plain = sealing.open(sealed, `acme ${name}`)
    expect(plain).toContain('PRIVATE KEY')
    writeFileSync(path.join(acme, name), plain)
    await sealPlainFiles(folder, { sealing, random: systemRandom })
    const again = readFileSync(path.join(acme, name), 'utf8')
    expect(sealing.open(again, `acme ${name}`)).toBe(plain)
    writeFileSync(path.join(acme, name), plain, { mode: 0o644 })
    await order(['sealed.example'])
    expect(sealing.open(readFileSync(path.join(acme, name), 'utf8'), `acme ${name}`)).toBe(plain)
    expect(readdirSync(acme)).toEqual([name])
  })

  test('comes to a new account where another key has sealed the old one, which is kept', async () => {
    await order(['lost.example'])
    const sealing = new Sealing(Buffer.alloc(32, 8), systemRandom)
    const { certificate } = await order(['lost.example'], { sealing })
    expect(certificate.names).toEqual(['lost.example'])
    const [key, kept] = readdirSync(path.join(folder, 'acme')).toSorted()
    expect(kept).toBe(`${key}.unreadable`)
  })

  test('is renewed with the same account, which need not show again what it has shown', async () => {
    const first = await order(['again.example'])
    const asked = web?.asked().length
    const key = readFileSync(
      path.join(folder, 'acme', readdirSync(path.join(folder, 'acme'))[0] ?? ''),
      'utf8',
    )
    const second = await order(['again.example'])
    expect(web?.asked()).toHaveLength(asked ?? 0)
    expect(second.certificate.fingerprint).not.toBe(first.certificate.fingerprint)
    expect(second.certificate.keyPem).not.toBe(first.certificate.keyPem)
    expect(readdirSync(path.join(folder, 'acme'))).toHaveLength(1)
    expect(first.certificate.keyPem).not.toBe(key)
  })

  test('may hold for an address', async () => {
    const { certificate } = await order(['127.0.0.1'])
    expect(certificate.names).toEqual(['127.0.0.1'])
  })

  test('goes on after a process that was killed in the midst of it, whose order is kept for its owner only', async () => {
    web?.hold()
    const killed = new AbortController()
    const names = ['killed.example']
    const begun = order(names, { signal: killed.signal })
    const asked = eventually('the authority asks', async () => (web?.asked().length ?? 0) > 0)
    await Promise.race([asked, begun])
    killed.abort(new Error('killed'))
    await expect(begun).rejects.toThrow(/killed|aborted/)
    const kept = () => readdirSync(path.join(folder, 'acme')).filter((name) => name.startsWith('order-'))
    const [file = ''] = kept()
    expect((statSync(path.join(folder, 'acme', file)).mode & 0o777).toString(8)).toBe('600')
    expect(readFileSync(path.join(folder, 'acme', file), 'utf8')).toMatch(/^[A-Za-z0-9+/=]+\n$/)
    await web?.stop()
    web = await serveChallenges(challenges, server.httpPort)
    const { certificate } = await order(names)
    expect(certificate.names).toEqual(names)
    expect(kept()).toEqual([])
  })

  test('is refused in the words of the authority when it does not find the box', async () => {
    await web?.stop()
    web = undefined
    await expect(order(['nobody.example'])).rejects.toMatchObject({
      kind: 'acme-challenge-failed',
      field: 'acme',
      message: expect.stringMatching(
        /did not find the box behind nobody\.example: .*http:\/\/nobody\.example\/\.well-known\/acme-challenge\/ must reach the box on port 80$/,
      ),
    })
    expect(readdirSync(challenges)).toEqual([])
  })

  test('is not waited for without end', async () => {
    web?.hold()
    let looks = 0
    const clock = { ...systemClock, elapsedMs: () => (looks += 1) * 400_000 }
    await expect(order(['slow.example'], { clock })).rejects.toMatchObject({
      kind: 'acme-timeout',
      message: expect.stringContaining('the challenge for slow.example within 300 seconds'),
    })
    expect(readdirSync(challenges)).toEqual([])
  })

  test('is not asked for over a connection that nobody vouches for', async () => {
    const { directoryUrl } = server
    await expect(order(['registry.example'], { settings: { directoryUrl } })).rejects.toMatchObject({
      kind: 'acme-unreachable',
      message: expect.stringMatching(
        /did not answer at https:.*(self-signed|unable to verify|unable to get)/,
      ),
    })
    const settings = { directoryUrl: directoryUrl.replace('https', 'http') }
    await expect(order(['registry.example'], { settings })).rejects.toMatchObject({
      kind: 'acme-directory-invalid',
    })
  })

  test('is not asked for where no ACME server is', async () => {
    const settings = {
      directoryCa: server.directoryCa,
      directoryUrl: server.directoryUrl.replace('/dir', '/none'),
    }
    await expect(order(['registry.example'], { settings })).rejects.toMatchObject({
      kind: 'acme-answer-unexpected',
    })
  })

  test('has no wildcards, since HTTP cannot show them', async () => {
    await expect(order(['*.registry.example'])).rejects.toMatchObject({
      kind: 'name-invalid',
      field: 'names',
    })
  })

  test('is given up when nobody waits any more', async () => {
    const reason = new Error('the box stops')
    const signal = AbortSignal.abort(reason)
    await expect(order(['registry.example'], { signal })).rejects.toBe(reason)
  })
})
