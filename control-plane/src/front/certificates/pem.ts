import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'

import { CertificateRefused, type WhichCertificate } from './certificate-refused.js'

/** Ten times what a long chain of RSA 4096 takes. */
const LIMIT_BYTES = 256 * 1024
const LIMIT_CERTIFICATES = 20

/** The two texts of a request. */
export type PemField = 'certificate' | 'key'

interface Block {
  readonly label: string
  readonly text: string
}

/** What was found in both texts together: some tools write the key into the chain's file. */
export interface Uploaded {
  readonly certificates: readonly UploadedCertificate[]
  /** Undefined when neither text has one. */
  readonly key: KeyObject | undefined
}

/** A certificate and where it stood. */
export interface UploadedCertificate {
  readonly x509: X509Certificate
  readonly which: WhichCertificate
}

/**
 * Reads what a person sends as certificate and key: PEM in any order, keys as PKCS#8, PKCS#1 or SEC1.
 * @throws CertificateRefused which says what it found instead
 */
export function readUploaded(certificateText: string, keyText: string | undefined): Uploaded {
  const chain = blocksOf('certificate', certificateText)
  const blocks = [
    ...chain,
    ...(keyText === undefined || keyText.trim() === '' ? [] : blocksOf('key', keyText)),
  ]
  const certificates = blocks.filter(({ label }) => /^(X509 |TRUSTED )?CERTIFICATE$/.test(label))
  if (certificates.length === 0) throw missing('certificate', whatElse('certificate', chain, certificateText))
  if (certificates.length > LIMIT_CERTIFICATES) {
    const detail = { count: certificates.length, limit: LIMIT_CERTIFICATES }
    throw new CertificateRefused('certificates-too-many', detail)
  }
  const read = certificates.map(({ text }, at) => readCertificate(text, at + 1))
  return { certificates: withoutRepetitions(read), key: readKey(blocks, keyText) }
}

/** The PEM texts of a chain that was checked before, in its order. */
export function certificateTexts(pem: string): readonly string[] {
  return blocksOf('certificate', pem).map(({ text }) => text)
}

/** A subject or issuer as Node writes it, on one line. */
export function nameOn1Line(text: string | undefined): string {
  return text?.replaceAll('\n', ', ') || 'without a name'
}

function readCertificate(text: string, number: number): UploadedCertificate {
  try {
    const x509 = new X509Certificate(text)
    return { x509, which: { number, subject: nameOn1Line(x509.subject) } }
  } catch (error) {
    const why = Error.isError(error) ? error.message : String(error)
    throw new CertificateRefused('certificate-unreadable', { number, why }, { cause: error })
  }
}

function withoutRepetitions(read: readonly UploadedCertificate[]): readonly UploadedCertificate[] {
  const prints = read.map(({ x509 }) => x509.fingerprint256)
  return read.filter((_, at) => prints.indexOf(prints[at] ?? '') === at)
}

function readKey(blocks: readonly Block[], keyText: string | undefined): KeyObject | undefined {
  const keys = blocks.filter(({ label }) => label.endsWith('PRIVATE KEY'))
  const [key] = keys
  if (key === undefined) {
    if (keyText === undefined || keyText.trim() === '') return undefined
    throw missing('key', whatElse('key', blocksOf('key', keyText), keyText))
  }
  if (keys.length > 1) throw new CertificateRefused('keys-several', { count: keys.length })
  if (key.label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type:.*ENCRYPTED/m.test(key.text))
    throw new CertificateRefused('key-encrypted', {})
  try {
    return createPrivateKey(key.text)
  } catch (error) {
    const why = key.label.startsWith('OPENSSH') ? 'it is a key of SSH' : 'OpenSSL finds no key in it'
    throw new CertificateRefused('key-unreadable', { why }, { cause: error })
  }
}

/** Line by line, since an expression over all of it takes quadratic time on what somebody may make up. */
function blocksOf(field: PemField, text: string): readonly Block[] {
  if (Buffer.byteLength(text) > LIMIT_BYTES)
    throw new CertificateRefused('pem-too-large', { field, limitBytes: LIMIT_BYTES })
  const blocks: Block[] = []
  let label: string | undefined
  let lines: string[] = []
  for (const raw of text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)) {
    const line = raw.trim()
    const begin = /^-----BEGIN ([A-Z0-9 ]+)-----$/.exec(line)?.[1]
    if (label !== undefined && line.includes('-----BEGIN'))
      throw new CertificateRefused('pem-cut', { field, label })
    if (begin !== undefined) {
      label = begin
      lines = []
    }
    if (label === undefined) continue
    lines.push(line)
    if (line !== `-----END ${label}-----`) continue
    blocks.push({ label, text: `${lines.join('\n')}\n` })
    label = undefined
  }
  if (label !== undefined) throw new CertificateRefused('pem-cut', { field, label })
  return blocks
}

function missing(field: PemField, why: string): CertificateRefused {
  return new CertificateRefused('pem-missing', { field, why })
}

/** What it is instead, with the command that makes PEM of it. */
function whatElse(field: PemField, blocks: readonly Block[], text: string): string {
  const [block] = blocks
  if (block !== undefined) return otherBlock(field, block.label)
  const trimmed = text.trim()
  if (trimmed === '') return 'it is empty'
  if (trimmed.includes(String.raw`-----\n`))
    return String.raw`its lines are joined by the two characters \n: send real line ends`
  if (trimmed.includes('-----BEGIN'))
    return 'its lines were joined: each "-----BEGIN …-----" stands on a line of its own'
  // Somebody has read a binary file as text.
  const command = field === 'key' ? 'openssl pkey -inform DER' : 'openssl x509 -inform DER'
  if (/[\p{Cc}\ufffd]/u.test(trimmed.replaceAll(/\s/g, '')))
    return `it is binary (DER or PKCS#12): convert it with ${command} -in FILE -out PEM, or with openssl pkcs12 -in FILE -nodes -out PEM`
  if (/^MI[A-Za-z0-9+/=\s]+$/.test(trimmed))
    return 'it is base64 without the lines "-----BEGIN …-----" and "-----END …-----": send these too'
  return 'it has no line "-----BEGIN …-----"'
}

function otherBlock(field: PemField, found: string): string {
  if (found.includes('CERTIFICATE REQUEST'))
    return 'this is a request: have it signed, and send the certificate that comes back'
  if (found === 'PKCS7') return 'this is PKCS#7: convert it with openssl pkcs7 -print_certs -in FILE -out PEM'
  if (found.includes('PUBLIC KEY')) return 'this is the public half: send the private key'
  if (field === 'certificate' && found.endsWith('PRIVATE KEY')) return 'this is a private key'
  if (field === 'key' && found.includes('CERTIFICATE')) return 'this is a certificate'
  return `this is "BEGIN ${found}"`
}
