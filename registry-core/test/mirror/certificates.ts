import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** PEM texts of a server's certificate. */
export interface ServerCertificate {
  readonly key: string
  readonly cert: string
}

/** An authority that signs what a test needs. */
export interface Authority {
  readonly ca: string
  /** `days` may be negative: it has ended then. */
  sign(names: readonly string[], days?: number): ServerCertificate
  remove(): void
}

export function makeAuthority(): Authority {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe', cwd: folder })
  }
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...ec, '-subj', '/CN=Test CA', '-days', '30', '-keyout', 'ca.key', '-out', 'ca.pem')
  const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8')
  return {
    ca: read('ca.pem'),
    sign(names, days = 30) {
      openssl('req', '-new', ...ec, '-subj', '/CN=server', '-keyout', 'one.key', '-out', 'one.csr')
      const extensions = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`
      writeFileSync(path.join(folder, 'one.ext'), extensions)
      const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', String(days)]
      openssl('x509', '-req', '-in', 'one.csr', ...signed, '-extfile', 'one.ext', '-out', 'one.pem')
      return { key: read('one.key'), cert: read('one.pem') }
    },
    remove: () => rmSync(folder, { recursive: true }),
  }
}
