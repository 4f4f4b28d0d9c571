import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, getCiphers, type SecureContextOptions } from 'node:tls'
import type { TlsSettings } from '../../config/settings.js'
import { errorCode } from '../../store/fs.js'

/** What a TLS server is made of, out of the files that `http.tls` names. */
export interface LoadedCertificates {
  readonly context: SecureContextOptions
  /** What a client may stumble over, in sentences. */
  readonly warnings: readonly string[]
}

/** Go, and so registry:2, lets nobody choose among these: TLS 1.3 has no weak ones. */
const TLS_1_3_SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

/**
 * Reads the files and looks whether they fit together, so that what is wrong is said at the start and not by clients.
 * @throws Error with a sentence that names the setting, the file and what is wrong with it
 */
export function loadCertificates(tls: TlsSettings, now: Date): LoadedCertificates {
  const certificate = readText('http.tls.certificate', tls.certificate)
  const chain = certificatesIn('http.tls.certificate', tls.certificate, certificate)
  const key = readText('http.tls.key', tls.key)
  checkKey(tls, chain, parseKey(tls.key, key))
  const authorities = tls.clientCas.map((file) => {
    const text = readText('http.tls.clientcas', file)
    certificatesIn('http.tls.clientcas', file, text)
    return text
  })
  const known = new Set(getCiphers().map((name) => name.toUpperCase()))
  const context: SecureContextOptions = {
    cert: certificate,
    key,
    minVersion: isTooOld(tls) ? 'TLSv1.2' : tls.minimumVersion,
    ...(authorities.length > 0 && { ca: authorities }),
    ...(tls.cipherSuites && { ciphers: suites(tls.cipherSuites, known) }),
  }
  try {
    createSecureContext(context)
  } catch (error) {
    throw new Error(
      `http.tls: OpenSSL does not take ${tls.certificate} and ${tls.key}: ${messageOf(error)}`,
      { cause: error },
    )
  }
  return {
    context,
    warnings: [
      ...(isTooOld(tls) ? [TOO_OLD] : []),
      ...chain.flatMap((each, at) => datesOf(tls.certificate, each, at, now)),
      ...chain.slice(1).flatMap((issuer, at) => orderOf(tls.certificate, chain[at], issuer, at)),
      ...(tls.cipherSuites ?? []).filter((name) => !known.has(name)).map(notSpoken),
    ],
  }
}

/** OpenSSL makes no handshake of them at any level of security that is safe for the others. */
function isTooOld({ minimumVersion }: TlsSettings): boolean {
  return minimumVersion === 'TLSv1' || minimumVersion === 'TLSv1.1'
}

const TOO_OLD =
  'http.tls.minimumtls: this platform speaks TLS 1.2 and newer only; clients that speak nothing else stay out'

function suites(chosen: readonly string[], known: ReadonlySet<string>): string {
  return [...new Set([...TLS_1_3_SUITES, ...chosen.filter((name) => known.has(name))])].join(':')
}

function notSpoken(name: string): string {
  return `http.tls.ciphersuites: this OpenSSL does not speak ${name} any more; it is left out`
}

function readText(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`${setting} names ${file}: ${whyUnreadable(file, error)}`, { cause: error })
  }
}

function whyUnreadable(file: string, error: unknown): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EISDIR':
      return 'this is a folder'
    case 'EACCES':
      return `this process (uid ${process.getuid?.() ?? 'unknown'}) may not read it; ${ownerOf(file)}`
    default:
      return messageOf(error)
  }
}

function ownerOf(file: string): string {
  try {
    const { uid, gid, mode } = statSync(file)
    return `it belongs to uid ${uid}, gid ${gid}, with mode ${(mode & 0o777).toString(8).padStart(4, '0')}`
  } catch {
    return 'a folder on the way to it is closed' // stat needs no right on the file itself
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function certificatesIn(setting: string, file: string, text: string): readonly X509Certificate[] {
  const blocks = text.match(PEM_CERTIFICATE)
  if (blocks === null) throw new Error(`${setting} names ${file}: there is no certificate in it, as PEM`)
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new Error(
        `${setting} names ${file}: its certificate number ${at + 1} cannot be read: ${messageOf(error)}`,
        { cause: error },
      )
    }
  })
}

function parseKey(file: string, text: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch (error) {
    const isLocked = errorCode(error) === 'ERR_MISSING_PASSPHRASE' || text.includes('ENCRYPTED')
    const why = isLocked
      ? `it has a passphrase, which nobody could type here: openssl pkey -in ${file} -out PLAIN`
      : 'there is no private key in it, as PEM'
    throw new Error(`http.tls.key names ${file}: ${why}`, { cause: error })
  }
}

function checkKey(
  { certificate, key: keyFile }: TlsSettings,
  chain: readonly X509Certificate[],
  key: KeyObject,
): void {
  const at = chain.findIndex((each) => each.checkPrivateKey(key))
  if (at === 0) return
  throw new Error(
    at < 0
      ? `http.tls: the key ${keyFile} does not belong to the certificate ${certificate} (${nameOf(chain[0])})`
      : `http.tls: the key ${keyFile} belongs to certificate number ${at + 1} of ${certificate}; write the server's own certificate first, then its issuers`,
  )
}

function datesOf(file: string, { validFromDate, validToDate }: X509Certificate, at: number, now: Date) {
  const which = at === 0 ? `the certificate ${file}` : `certificate number ${at + 1} of ${file}`
  if (validToDate < now) return [`${which} expired on ${dayOf(validToDate)}: clients refuse it`]
  if (validFromDate > now)
    return [`${which} is not valid before ${dayOf(validFromDate)}: clients refuse it; is the clock right?`]
  return []
}

function orderOf(file: string, issued: X509Certificate | undefined, issuer: X509Certificate, at: number) {
  if (issued?.checkIssued(issuer)) return []
  return [
    `certificate number ${at + 2} of ${file} (${nameOf(issuer)}) did not issue number ${at + 1}: clients may not find the way to their authority`,
  ]
}

function nameOf(certificate: X509Certificate | undefined): string {
  return certificate?.subject?.replaceAll('\n', ', ') || 'without a subject'
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10)
}

function messageOf(error: unknown): string {
  return Error.isError(error) ? error.message : String(error)
}
