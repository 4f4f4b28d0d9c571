import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

interface Wish {
  /** Nobody: it issues itself. */
  readonly issuer?: Issued
  /** As `openssl req -newkey` takes it. */
  readonly key?: string
  readonly keyOptions?: readonly string[]
  readonly digest?: string
  readonly days?: number
  /** Lines of openssl's extensions. */
  readonly extensions?: readonly string[]
}

export const AUTHORITY = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
]

/** The extensions of a server with these names. */
export function server(...names: readonly string[]): readonly string[] {
  return [`subjectAltName=${names.join(',')}`, 'extendedKeyUsage=serverAuth', 'authorityKeyIdentifier=keyid']
}

/** A company's PKI, played by openssl in a folder of its own. */
export class CompanyPki {
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))

  issue(subject: string, { issuer, digest = 'sha256', days = 300, ...wish }: Wish = {}): Issued {
    const { key = 'ec', keyOptions = ['ec_paramgen_curve:prime256v1'] } = wish
    const options = key === 'ec' ? keyOptions.flatMap((option) => ['-pkeyopt', option]) : []
    const made = ['-newkey', key, ...options, '-nodes', '-keyout', 'key', '-out', 'csr']
    this.openssl('req', '-new', ...made, '-subj', subject)
    const ownKey = this.#read('key')
    return {
      certificate: this.sign(this.#read('csr'), { issuer: issuer ?? ownKey, digest, days, ...wish }),
      key: ownKey,
    }
  }

  /** Signs a request, as the people of a PKI do; with the text of a key it is signed by itself. */
  sign(
    csr: string,
    {
      issuer,
      digest = 'sha256',
      days = 300,
      extensions = [],
    }: Omit<Wish, 'issuer'> & { issuer: Issued | string },
  ): string {
    writeFileSync(path.join(this.#folder, 'in.csr'), csr)
    writeFileSync(path.join(this.#folder, 'ext'), `${extensions.join('\n')}\n`)
    const by = typeof issuer === 'string' ? this.#signedByKey(issuer) : this.#signedBy(issuer)
    const made = ['-days', String(days), `-${digest}`, '-extfile', 'ext', '-out', 'cert']
    this.openssl('x509', '-req', '-in', 'in.csr', ...by, ...made)
    return this.#read('cert')
  }

  /** Runs openssl on a text, and answers what it prints. */
  convert(text: string, ...args: readonly string[]): Buffer {
    writeFileSync(path.join(this.#folder, 'in'), text)
    return execFileSync('openssl', [...args, '-in', 'in'], { cwd: this.#folder, stdio: 'pipe' })
  }

  /** A file with this text, absolute. */
  fileOf(text: string): string {
    const file = path.join(this.#folder, 'file')
    writeFileSync(file, text)
    return file
  }

  openssl(...args: readonly string[]): string {
    return execFileSync('openssl', args, { cwd: this.#folder, stdio: 'pipe', encoding: 'utf8' })
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true })
  }

  #signedByKey(key: string): readonly string[] {
    writeFileSync(path.join(this.#folder, 'own.key'), key)
    return ['-signkey', 'own.key']
  }

  #signedBy(issuer: Issued): readonly string[] {
    writeFileSync(path.join(this.#folder, 'ca.pem'), issuer.certificate)
    writeFileSync(path.join(this.#folder, 'ca.key'), issuer.key)
    return ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
  }

  #read(name: string): string {
    return readFileSync(path.join(this.#folder, name), 'utf8')
  }
}

/** Whether a client that has the root only takes a server with this chain. */
export async function shakesHands(
  { pem, keyPem }: { readonly pem: string; readonly keyPem: string },
  root: Issued,
  servername: string,
): Promise<boolean> {
  const listening = tls.createServer({ cert: pem, key: keyPem })
  listening.on('secureConnection', (socket) => socket.end())
  await once(listening.listen(0, '127.0.0.1'), 'listening')
  const { port } = listening.address() as AddressInfo
  const socket = tls.connect({ port, host: '127.0.0.1', servername, ca: root.certificate })
  try {
    await once(socket, 'secureConnect')
    return socket.authorized
  } finally {
    socket.destroy()
    listening.close()
  }
}
