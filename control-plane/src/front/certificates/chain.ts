import type { KeyObject, X509Certificate } from 'node:crypto'

import { CertificateRefused, type WhichCertificate } from './certificate-refused.js'
import type { UploadedCertificate } from './pem.js'

/** What a heap of certificates comes to, for one key. */
export interface Chain {
  readonly leaf: UploadedCertificate
  /** The leaf's issuer first; without the root. */
  readonly issuers: readonly UploadedCertificate[]
  /** What clients have to trust, if it was among them; the leaf itself when it issued itself. */
  readonly root: UploadedCertificate | undefined
  /** What belongs to no part of it. */
  readonly unused: readonly UploadedCertificate[]
}

/**
 * Puts certificates into their order, from the key's own to its root.
 * @throws CertificateRefused when the key fits none, or a certificate was signed by one that is no authority
 */
export function sortChain(certificates: readonly UploadedCertificate[], key: KeyObject, now: Date): Chain {
  const leaf = best(
    certificates.filter(({ x509 }) => fits(x509, key)),
    now,
  )
  if (leaf === undefined)
    throw new CertificateRefused('key-does-not-fit', { certificates: whichOf(certificates) })
  const chain = [leaf]
  let rest = certificates.filter((one) => one !== leaf)
  for (;;) {
    const issuer = isRoot(chain.at(-1)) ? undefined : findIssuer(chain.at(-1), rest, now)
    if (issuer === undefined) break
    chain.push(issuer)
    rest = rest.filter((one) => one !== issuer)
  }
  const last = chain.at(-1)
  const root = isRoot(last) ? last : undefined
  return { leaf, issuers: chain.slice(1).filter((one) => one !== root), root, unused: rest }
}

/** Of each certificate, where it stood and its subject. */
export function whichOf(certificates: readonly UploadedCertificate[]): readonly WhichCertificate[] {
  return certificates.map(({ which }) => which)
}

/** Whether one has signed the other: the issuer's name alone proves nothing. */
export function isSignedBy(issued: X509Certificate, issuer: X509Certificate): boolean {
  if (issued.issuer !== issuer.subject) return false
  try {
    return issued.verify(issuer.publicKey)
  } catch {
    return false // a key of a kind that OpenSSL cannot verify with
  }
}

function findIssuer(
  issued: UploadedCertificate | undefined,
  among: readonly UploadedCertificate[],
  now: Date,
): UploadedCertificate | undefined {
  if (issued === undefined) return undefined
  const signers = among.filter(({ x509 }) => isSignedBy(issued.x509, x509))
  const authorities = signers.filter(({ x509 }) => isAuthorityOf(x509, issued.x509))
  const [signer] = signers
  if (authorities.length === 0 && signer !== undefined)
    throw new CertificateRefused('issuer-is-no-authority', { which: signer.which, issued: issued.which })
  return best(authorities, now)
}

/** A root of version 1, as old companies have it, says nothing about what it may do. */
function isAuthorityOf(issuer: X509Certificate, issued: X509Certificate): boolean {
  return issued.checkIssued(issuer) && (issuer.ca || isSignedBy(issuer, issuer))
}

function isRoot(one: UploadedCertificate | undefined): boolean {
  return one !== undefined && isSignedBy(one.x509, one.x509)
}

function fits(x509: X509Certificate, key: KeyObject): boolean {
  try {
    return x509.checkPrivateKey(key)
  } catch {
    return false // a key of a kind that OpenSSL cannot compare
  }
}

/** An old one and its renewal have the same key, a cross-signed authority has several: what is valid, and longest. */
function best(candidates: readonly UploadedCertificate[], now: Date): UploadedCertificate | undefined {
  const rank = ({ x509 }: UploadedCertificate): number =>
    x509.validToDate.getTime() + (x509.validFromDate <= now && now <= x509.validToDate ? 1e15 : 0)
  return candidates.toSorted((one, other) => rank(other) - rank(one))[0]
}
