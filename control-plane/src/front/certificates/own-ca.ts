import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import path from 'node:path'

import type { Clock } from '../../system/clock.js'
import { KeptByFiles } from '../../system/kept-by-files.js'
import type { Random } from '../../system/random.js'
import { CertificateRefused } from './certificate-refused.js'
import { createDurably } from './create-durably.js'
import type { Validity } from './expiry.js'
import type { CertificateName } from './names.js'
import { findKeyText, findText, type ServerCertificate, serverCertificate } from './server-certificate.js'
import {
  alternativeNames,
  authorityKeyId,
  authorityUsage,
  serverUsage,
  shortName,
  signCertificate,
  subjectOf,
} from './x509.js'

const DAY_MS = 24 * 60 * 60 * 1000
const AUTHORITY_DAYS = 3650
/**
 * What is taken everywhere: Apple's systems refuse more than 825 days even from an authority that their owner
 * installed, and more than 398 from a public one, and others may follow. The box renews by itself, so nothing is won
 * by more. One day below 398, since some count the second at the end too.
 */
const SERVER_DAYS = 397
/** Clients whose clock is behind, or that take local time for UTC, must not find it in their future. */
const SKEW_DAYS = 1

/** The box's own authority: whoever installs its certificate trusts the box under each of its names. */
export interface OwnCa extends Validity {
  readonly pem: string
  readonly key: KeyObject
  /** SHA-256 as people compare it: `AB:CD:…`. */
  readonly fingerprint: string
}

/** Where the authority lies, absolute. */
export interface OwnCaFiles {
  readonly certificate: string
  readonly key: string
}

/** What reading or making needs; `boxName` stands in the name that people see in their list of authorities. */
export interface OwnCaOptions {
  readonly folder: string
  readonly boxName: string
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
}

/** The two files of the authority in the folder of certificates. */
export function ownCaFiles(folder: string): OwnCaFiles {
  return { certificate: path.join(folder, 'ca.pem'), key: path.join(folder, 'ca.key') }
}

/**
 * Reads the authority; makes it on the first start. Of two processes that make it, both get the first one's. A key
 * whose certificate is missing (a start that was cut short) gets a new certificate: clients that had one take both.
 * @throws CertificateRefused when what is there cannot be used, in words for whoever runs the box
 */
export async function readOrMakeOwnCa(options: OwnCaOptions): Promise<OwnCa> {
  const { folder, random } = options
  const files = ownCaFiles(folder)
  const there = await findOwnCa(folder)
  if (there !== undefined) return there
  await createDurably({ file: files.key, text: newKeyPem(), mode: 0o600, random })
  const key = parseKey(files.key, (await findKeyText(files.key)) ?? '')
  await createDurably({ file: files.certificate, text: await selfSigned(key, options), mode: 0o644, random })
  return readOwnCa(files, (await findText(files.certificate)) ?? '')
}

/** Whoever looks at the box asks for it. */
const kept = new KeptByFiles<OwnCa | undefined>()

/** The authority; undefined when none was made yet. @throws CertificateRefused as `readOrMakeOwnCa` does */
export async function findOwnCa(folder: string): Promise<OwnCa | undefined> {
  const files = ownCaFiles(folder)
  return kept.get([files.certificate, files.key], async () => {
    const pem = await findText(files.certificate)
    return pem === undefined ? undefined : readOwnCa(files, pem)
  })
}

/** A new server certificate for these names, with a key of its own. */
export async function issueServerCertificate(
  ca: OwnCa,
  { names, now, random }: { names: readonly CertificateName[]; now: Date; random: Random },
): Promise<ServerCertificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const notBefore = daysAfter(now, -SKEW_DAYS)
  // A chain is good for as long as its shortest part: what outlives its authority would only look valid.
  const notAfter = new Date(Math.min(daysAfter(notBefore, SERVER_DAYS).getTime(), ca.notAfter.getTime()))
  const pem = await signCertificate({
    subject: [{ O: ['Entrepot'] }, { CN: [shortName(names) ?? 'Entrepot'] }],
    issuer: subjectOf(ca.pem),
    notBefore,
    notAfter,
    publicKey,
    signingKey: ca.key,
    extensions: [...serverUsage(), alternativeNames(names), await authorityKeyId(createPublicKey(ca.key))],
    random,
  })
  return serverCertificate(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
}

/** Both are the same values as long as their files are. */
const issuers = new WeakMap<ServerCertificate, { readonly ca: OwnCa; readonly isIssued: boolean }>()

/** Whether clients that have this authority take a certificate: it needs the authority's name, and its signature. */
export function isIssuedBy(ca: OwnCa, certificate: ServerCertificate): boolean {
  const known = issuers.get(certificate)
  if (known?.ca === ca) return known.isIssued
  const x509 = new X509Certificate(certificate.pem)
  const isIssued = x509.checkIssued(new X509Certificate(ca.pem)) && x509.verify(createPublicKey(ca.key))
  issuers.set(certificate, { ca, isIssued })
  return isIssued
}

async function selfSigned(key: KeyObject, { boxName, clock, random }: OwnCaOptions): Promise<string> {
  // The number tells two boxes of a name apart, and a CA that was made anew from the one before it. It follows from
  // the key, so that a certificate made anew for the same key is taken for the same authority.
  const publicKey = createPublicKey(key)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const number = createHash('sha256').update(spki).digest('hex').slice(0, 8)
  // A common name has 64 characters at most (RFC 5280, appendix A).
  const name = `Entrepot CA ${number} (${boxName.slice(0, 64 - 'Entrepot CA 01234567 ()'.length)})`
  const subject = [{ O: ['Entrepot'] }, { CN: [name] }]
  const notBefore = daysAfter(clock.now(), -SKEW_DAYS)
  return await signCertificate({
    subject,
    issuer: subject,
    notBefore,
    notAfter: daysAfter(notBefore, AUTHORITY_DAYS),
    publicKey,
    signingKey: key,
    extensions: authorityUsage(),
    random,
  })
}

async function readOwnCa(files: OwnCaFiles, pem: string): Promise<OwnCa> {
  const certificate = parseCertificate(files.certificate, pem)
  const keyText = await findKeyText(files.key)
  const detail = { certificateFile: files.certificate, keyFile: files.key }
  if (keyText === undefined) throw new CertificateRefused('own-ca-key-missing', detail)
  const key = parseKey(files.key, keyText)
  if (!certificate.checkPrivateKey(key)) throw new CertificateRefused('own-ca-key-does-not-fit', detail)
  return {
    pem,
    key,
    fingerprint: certificate.fingerprint256,
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
  }
}

function parseCertificate(file: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (error) {
    throw unreadable(file, 'it is no certificate as PEM', error)
  }
}

function parseKey(file: string, text: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(text)
  } catch (error) {
    throw unreadable(file, 'it is no private key as PEM without a passphrase', error)
  }
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  throw unreadable(file, 'it is no ECDSA key on P-256, which is the only kind that the box makes')
}

function unreadable(file: string, why: string, cause?: unknown): CertificateRefused {
  return new CertificateRefused('own-ca-unreadable', { file, why }, { cause })
}

function newKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Whole seconds, as a certificate has them. */
function daysAfter(date: Date, days: number): Date {
  return new Date(Math.floor((date.getTime() + days * DAY_MS) / 1000) * 1000)
}
