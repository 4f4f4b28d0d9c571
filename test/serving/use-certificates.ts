import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll } from '@jest/globals'

import { type Certificates, makeCertificates, signCertificate } from '../support/certificates.js'

/** A folder with certificates in it. */
export interface CertificateFolder {
  readonly folder: string
  /** Of an authority and its server. */
  readonly made: Certificates
  /** `other.pem` and `other.key`, by the same authority. */
  readonly other: Pick<Certificates, 'certificate' | 'key'>
}

/** Has them while the tests of a suite run. */
export function useCertificates(): CertificateFolder {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const signed: { made?: Certificates; other?: CertificateFolder['other'] } = {}
  beforeAll(async () => {
    signed.made = await makeCertificates(folder)
    signed.other = await signCertificate(folder, 'other', signed.made)
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  return {
    folder,
    get made() {
      return present(signed.made)
    },
    get other() {
      return present(signed.other)
    },
  }
}

function present<T>(files: T | undefined): T {
  if (files === undefined) throw new Error('they are not made yet')
  return files
}
