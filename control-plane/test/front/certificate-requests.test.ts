import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import {
  acceptForRequest,
  findRequest,
  listRequests,
  makeRequest,
  type RequestKey,
  removeRequest,
} from '#control/front/certificates/csr.js'
import { parseNames } from '#control/front/certificates/names.js'
import {
  findServerCertificate,
  storeServerCertificate,
} from '#control/front/certificates/server-certificate.js'
import { systemClock } from '#control/system/clock.js'
import { systemRandom } from '#control/system/random.js'

import { AUTHORITY, CompanyPki, type Issued, server } from './company-pki.js'

const NAMES = parseNames(['registry.example', '*.mirror.example', '10.0.0.1', 'fd00::1'], { wildcard: true })
/** After all that the tests let issue meanwhile. */
const now = new Date(systemClock.now().getTime() + 60 * 60 * 1000)

let folder: string
let pki: CompanyPki
let root: Issued
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  pki = new CompanyPki()
  root = pki.issue('/CN=Company Root', { extensions: AUTHORITY })
})
afterEach(() => {
  pki.remove()
  rmSync(folder, { recursive: true })
})

function make(key: RequestKey = 'p256', organization?: string) {
  return makeRequest(
    folder,
    { names: NAMES, key, ...(organization !== undefined && { organization }) },
    systemRandom,
  )
}

/** What the people of the PKI do. */
function signed(csr: string): string {
  return pki.sign(csr, { issuer: root, extensions: server('DNS:registry.example') }) + root.certificate
}

function accept(id: string, certificate: string) {
  return acceptForRequest(folder, id, { certificate, boxNames: [], now, roots: [] })
}

describe('a request', () => {
  test.each<[RequestKey, string]>([
    ['p256', 'ASN1 OID: prime256v1'],
    ['rsa2048', 'Public-Key: (2048 bit)'],
    ['rsa3072', 'Public-Key: (3072 bit)'],
  ])('%s is one that openssl takes, with all names', async (key, words) => {
    const { pem } = await make(key, 'Müller & "Co", Ltd.')
    const text = pki.convert(pem, 'req', '-verify', '-noout', '-text', '-nameopt', 'utf8').toString()
    expect(text).toContain(words)
    expect(text).toContain(
      'DNS:registry.example, DNS:*.mirror.example, IP Address:10.0.0.1, IP Address:FD00:0:',
    )
    expect(text).toContain('TLS Web Server Authentication')
    expect(text).toMatch(/Subject: O ?= ?"?Müller & \\?"Co\\?", Ltd\."?, CN ?= ?registry\.example/)
  })

  test('has its key on the box only, closed to others', async () => {
    const { id, pem } = await make()
    const file = path.join(folder, 'requests', `${id}.key`)
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
    expect((statSync(path.dirname(file)).mode & 0o777).toString(8)).toBe('700')
    expect(pem).not.toContain('PRIVATE')
    expect(await findRequest(folder, id)).toEqual({ id, pem })
    expect(readFileSync(file, 'utf8')).toContain('BEGIN PRIVATE KEY')
  })

  test('is listed until it is removed, and its key goes with it', async () => {
    expect(await listRequests(folder)).toEqual([])
    const [one, other] = [await make(), await make()]
    expect(await listRequests(folder)).toEqual([one.id, other.id].sort())
    await removeRequest(folder, one.id)
    await removeRequest(folder, one.id)
    expect(await listRequests(folder)).toEqual([other.id])
    expect(readdirSync(path.join(folder, 'requests'))).toHaveLength(2)
  })
})

describe('the certificate that comes back', () => {
  test('is taken with the key of the box, and found by its fingerprint later', async () => {
    const { id, pem } = await make()
    const { certificate } = await accept(id, signed(pem))
    const files = await storeServerCertificate(folder, certificate, systemRandom)
    await removeRequest(folder, id)
    expect(await findServerCertificate(folder, certificate.fingerprint)).toEqual(certificate)
    pki.openssl('verify', '-CAfile', pki.fileOf(root.certificate), files.certificate)
  })

  test('of another request is refused', async () => {
    const [one, other] = [await make(), await make()]
    await expect(accept(other.id, signed(one.pem))).rejects.toMatchObject({
      kind: 'other-request',
      field: 'certificate',
      message: expect.stringContaining(`was issued for the request ${other.id}: its key is another`),
    })
  })

  test.each(['00000000-0000-4000-8000-000000000000', '../ca', ''])('for no request: %s', async (id) => {
    await expect(accept(id, root.certificate)).rejects.toMatchObject({
      kind: 'request-unknown',
      field: 'request',
    })
    expect(await findRequest(folder, id)).toBeUndefined()
  })

  test('that lacks an issuer may be sent again, whole', async () => {
    const { id, pem } = await make()
    const whole = signed(pem)
    const alone = whole.slice(0, whole.indexOf('-----END CERTIFICATE-----') + 26)
    await expect(accept(id, alone)).rejects.toMatchObject({ kind: 'issuer-missing' })
    await expect(accept(id, whole)).resolves.toMatchObject({ warnings: [] })
  })
})
