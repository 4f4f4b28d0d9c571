import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'

import { errorCode } from '../../system/error-code.js'
import { KeptByFiles } from '../../system/kept-by-files.js'
import type { Random } from '../../system/random.js'
import { createDurably, makeFolder } from './create-durably.js'
import type { Validity } from './expiry.js'
import { type CertificateName, namesIn } from './names.js'
import { certificateTexts, nameOn1Line } from './pem.js'

/** What nginx shows to clients, and what the box has to know about it. */
export interface ServerCertificate extends Validity {
  /** The server's own first, then its issuers; without the root, which clients have themselves. */
  readonly pem: string
  /** PKCS#8, without a passphrase. A secret: it stands in its file and nowhere else. */
  readonly keyPem: string
  readonly names: readonly CertificateName[]
  /** SHA-256 of the server's own certificate, as people compare it: `AB:CD:…`. */
  readonly fingerprint: string
  /** Whose name stands in it as the issuer's, on one line. */
  readonly issuer: string
  /** It issued itself: clients have to install exactly this one. */
  readonly selfIssued: boolean
}

/** Where nginx finds a server certificate, absolute. */
export interface ServerCertificateFiles {
  readonly certificate: string
  readonly key: string
}

/** The first certificate of a chain with its key, as a typed value; neither is judged here. */
export function serverCertificate(pem: string, keyPem: string): ServerCertificate {
  const chain = certificateTexts(pem).map((text) => new X509Certificate(text))
  const x509 = chain[0] ?? new X509Certificate(pem) // which says what is wrong with a text without any
  const chainEnd = new Date(Math.min(...chain.map((each) => each.validToDate.getTime())))
  return {
    pem,
    keyPem,
    names: namesIn(x509.subjectAltName),
    notBefore: x509.validFromDate,
    notAfter: x509.validToDate,
    ...(chainEnd < x509.validToDate && { chainEnd }),
    fingerprint: x509.fingerprint256,
    issuer: nameOn1Line(x509.issuer),
    selfIssued: x509.checkIssued(x509),
  }
}

/** How the certificates of a folder are called: by their fingerprint, so a rollback finds exactly what it had. */
export function serverCertificateFiles(folder: string, fingerprint: string): ServerCertificateFiles {
  const name = path.join(folder, 'server', fingerprint.replaceAll(':', '').toLowerCase())
  return { certificate: `${name}.pem`, key: `${name}.key` }
}

/** Writes both files for ever: they are never changed. The key is there before the certificate names it. */
export async function storeServerCertificate(
  folder: string,
  made: ServerCertificate,
  random: Random,
): Promise<ServerCertificateFiles> {
  // For its owner only: nginx's master reads keys as root or as the same user.
  await makeFolder(path.join(folder, 'server'), 0o700)
  const files = serverCertificateFiles(folder, made.fingerprint)
  await createDurably({ file: files.key, text: made.keyPem, mode: 0o600, random })
  await createDurably({ file: files.certificate, text: made.pem, mode: 0o644, random })
  return files
}

/** Reading a pair and trying its key takes a millisecond, and each look at the box asks for all of them. */
const kept = new KeptByFiles<ServerCertificate | undefined>()

/** One by its fingerprint; undefined when it is not there whole, with the key that fits. */
export async function findServerCertificate(
  folder: string,
  fingerprint: string,
): Promise<ServerCertificate | undefined> {
  const files = serverCertificateFiles(folder, fingerprint)
  return kept.get([files.certificate, files.key], async () => {
    const [pem, keyPem] = await Promise.all([findText(files.certificate), findText(files.key)])
    return pem === undefined || keyPem === undefined ? undefined : findPair(pem, keyPem)
  })
}

/** All that are there whole; what a hand or a broken disk left behind is passed over. */
export async function listServerCertificates(folder: string): Promise<readonly ServerCertificate[]> {
  const found: ServerCertificate[] = []
  for (const name of await namesOf(path.join(folder, 'server'))) {
    if (!/^[0-9a-f]{64}\.pem$/.test(name)) continue
    const one = await findServerCertificate(folder, name.slice(0, 64))
    if (one !== undefined) found.push(one)
  }
  return found
}

/** The text of a file; undefined when there is none. */
export async function findText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** A private key's text. One that others could read, as a careless restore leaves it, is closed again. */
export async function findKeyText(file: string): Promise<string | undefined> {
  const text = await findText(file)
  if (text !== undefined && ((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600)
  return text
}

function findPair(pem: string, keyPem: string): ServerCertificate | undefined {
  try {
    const fits = new X509Certificate(pem).checkPrivateKey(createPrivateKey(keyPem))
    return fits ? serverCertificate(pem, keyPem) : undefined
  } catch {
    return undefined // half a file: never written by us, so never used
  }
}

async function namesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}
