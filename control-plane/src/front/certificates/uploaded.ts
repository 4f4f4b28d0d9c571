import { createSecureContext, getCACertificates, rootCertificates } from 'node:tls'
import { X509Certificate } from 'node:crypto'

import { CertificateRefused } from './certificate-refused.js'
import { type CertificateWarning, warningOf } from './certificate-warning.js'
import { type Chain, isSignedBy, sortChain, whichOf } from './chain.js'
import { expiryOf } from './expiry.js'
import { type CertificateName, covers } from './names.js'
import { nameOn1Line, readUploaded, type Uploaded, type UploadedCertificate } from './pem.js'
import { type ServerCertificate, serverCertificate } from './server-certificate.js'
import { checkKeyStrength, checkSignature } from './weakness.js'

const DAY_MS = 24 * 60 * 60 * 1000
const APPLE_DAYS = 825
const SERVER_AUTH = new Set(['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'])

/** A certificate as a person sends it, and what the box expects of it. */
export interface UploadedTexts {
  /** PEM: the server's own and its issuers, in any order. A company's root may be among them. */
  readonly certificate: string
  /** PEM; undefined when it stands in the same text. */
  readonly key?: string
  /** What clients type to reach the box. */
  readonly boxNames: readonly CertificateName[]
  readonly now: Date
  /** Takes a chain whose last issuer is unknown here, for who is sure that clients have it. */
  readonly allowUnknownIssuer?: boolean
  /** PEM of roots that need not be sent; those of this machine and of Mozilla unless said otherwise. */
  readonly roots?: readonly string[]
}

/** What is taken. */
export interface CheckedCertificate {
  readonly certificate: ServerCertificate
  /** PEM of what clients have to install; undefined when they have it, or it was not sent. */
  readonly root: string | undefined
  readonly warnings: readonly CertificateWarning[]
}

/**
 * Looks at a certificate as clients will, before any of them does.
 * @throws CertificateRefused which names what is wrong, where, and what to do
 */
export function checkUploaded(texts: UploadedTexts): CheckedCertificate {
  const { boxNames, now } = texts
  const uploaded = readUploaded(texts.certificate, texts.key)
  const { key } = uploaded
  if (key === undefined) throw new CertificateRefused('key-missing', {})
  const chain = sortChain(uploaded.certificates, key, now)
  const served = [chain.leaf, ...chain.issuers]
  for (const one of served) checkOne(one, now)
  checkLeaf(chain.leaf)
  const isWhole = checkWhole(chain, texts)
  const pem = served.map(({ x509 }) => pemOf(x509)).join('')
  const certificate = serverCertificate(pem, key.export({ type: 'pkcs8', format: 'pem' }).toString())
  if (certificate.names.length === 0) throw new CertificateRefused('no-names', { which: chain.leaf.which })
  checkWithOpenssl(certificate)
  return {
    certificate,
    root: chain.root && pemOf(chain.root.x509),
    warnings: [
      ...namesWarnings(certificate.names, boxNames),
      ...chainWarnings(chain, uploaded, isWhole),
      ...dateWarnings(chain, certificate, now),
    ],
  }
}

function checkOne(one: UploadedCertificate, now: Date): void {
  const { x509, which } = one
  if (x509.validToDate < now) throw new CertificateRefused('expired', { which, end: x509.validToDate })
  if (x509.validFromDate > now)
    throw new CertificateRefused('not-yet-valid', { which, start: x509.validFromDate, now })
  checkKeyStrength(one)
  checkSignature(one)
}

/** Node calls the extended key usage `keyUsage`; a certificate without any is for every use. */
function checkLeaf({ x509, which }: UploadedCertificate): void {
  const usage: readonly string[] | undefined = x509.keyUsage
  if (usage !== undefined && !usage.some((oid) => SERVER_AUTH.has(oid)))
    throw new CertificateRefused('not-for-servers', { which })
}

/** Answers whether the chain is known to reach a root; a client can do nothing with a gap. */
function checkWhole(chain: Chain, { allowUnknownIssuer = false, roots }: UploadedTexts): boolean {
  if (chain.root !== undefined) return true
  const known = (roots ?? [...rootCertificates, ...getCACertificates('system')]).map(
    (text) => new X509Certificate(text),
  )
  const served = [chain.leaf, ...chain.issuers]
  // A cross-signed authority may go on to a root that nobody has any more: one way out is enough.
  if (served.some(({ x509 }) => known.some((root) => isSignedBy(x509, root)))) return true
  if (allowUnknownIssuer) return false
  const last = served.at(-1) ?? chain.leaf
  throw new CertificateRefused('issuer-missing', { which: last.which, issuer: nameOn1Line(last.x509.issuer) })
}

/** The last word is that of the library that nginx uses as well. */
function checkWithOpenssl({ pem, keyPem }: ServerCertificate): void {
  try {
    createSecureContext({ cert: pem, key: keyPem })
  } catch (error) {
    const why = Error.isError(error) ? error.message : String(error)
    throw new CertificateRefused('openssl-refuses', { why }, { cause: error })
  }
}

function namesWarnings(names: readonly CertificateName[], boxNames: readonly CertificateName[]) {
  const missing = boxNames.filter((name) => !covers(names, name))
  return missing.length === 0 ? [] : [warningOf('names-missing', { names: missing })]
}

function chainWarnings(chain: Chain, { certificates }: Uploaded, isWhole: boolean): CertificateWarning[] {
  const { leaf, issuers, root, unused } = chain
  const used = certificates.filter((one) => !unused.includes(one))
  const wanted = [leaf, ...issuers, ...(root && root !== leaf ? [root] : [])]
  const last = issuers.at(-1) ?? leaf
  return [
    ...(root === leaf ? [warningOf('self-issued', {})] : []),
    ...(wanted.some((one, at) => one !== used[at]) ? [warningOf('sorted', {})] : []),
    ...(unused.length > 0 ? [warningOf('unused', { certificates: whichOf(unused) })] : []),
    ...(isWhole ? [] : [warningOf('issuer-not-sent', { issuer: nameOn1Line(last.x509.issuer) })]),
  ]
}

function dateWarnings(chain: Chain, certificate: ServerCertificate, now: Date): CertificateWarning[] {
  const { validFromDate, validToDate } = chain.leaf.x509
  const { state, days } = expiryOf(certificate, now)
  const lifeDays = Math.ceil((validToDate.getTime() - validFromDate.getTime()) / DAY_MS)
  return [
    ...(state === 'warn' ? [warningOf('ends-soon', { days })] : []),
    ...(lifeDays > APPLE_DAYS
      ? [warningOf('lasts-too-long', { days: lifeDays, limitDays: APPLE_DAYS })]
      : []),
    ...chain.issuers
      .filter(({ x509 }) => x509.validToDate < validToDate)
      .map(({ x509, which }) => warningOf('issuer-ends-first', { which, end: x509.validToDate })),
  ]
}

function pemOf(x509: X509Certificate): string {
  return x509.toString()
}
