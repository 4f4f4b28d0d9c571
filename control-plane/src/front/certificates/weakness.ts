import type { KeyObject, X509Certificate } from 'node:crypto'

import { CertificateRefused, type WhichCertificate } from './certificate-refused.js'
import type { UploadedCertificate } from './pem.js'

const MIN_RSA_BITS = 2048
/** Go's TLS takes no larger one, and docker, containerd and podman are written in Go. */
const MAX_RSA_BITS = 8192
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
const BROKEN_HASH = /(md[245]|sha-?1)(?!\d)/i

/**
 * Refuses keys that can be guessed or that no client of a registry takes.
 * @throws CertificateRefused
 */
export function checkKeyStrength({ x509, which }: UploadedCertificate): void {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = publicKeyOf(x509, which)
  switch (kind) {
    case 'rsa':
      checkRsa(details?.modulusLength ?? 0, which)
      return
    case 'ec':
      if (CURVES.has(details?.namedCurve ?? '')) return
      throw new CertificateRefused('key-kind', {
        which,
        found: `EC ${details?.namedCurve ?? 'on a curve of its own'}`,
      })
    case 'ed25519':
      return
    default:
      throw new CertificateRefused('key-kind', { which, found: kind?.toUpperCase() ?? 'unknown' })
  }
}

/**
 * Refuses signatures over a hash that can be forged.
 * @throws CertificateRefused
 */
export function checkSignature({ x509, which }: UploadedCertificate): void {
  const algorithm = x509.signatureAlgorithm ?? x509.signatureAlgorithmOid
  if (BROKEN_HASH.test(algorithm)) throw new CertificateRefused('signature-weak', { which, algorithm })
}

function checkRsa(bits: number, which: WhichCertificate): void {
  const found = `RSA ${bits} bits`
  if (bits < MIN_RSA_BITS)
    throw new CertificateRefused('key-weak', { which, found, allowed: `${MIN_RSA_BITS} bits and more` })
  if (bits > MAX_RSA_BITS)
    throw new CertificateRefused('key-weak', { which, found, allowed: `up to ${MAX_RSA_BITS} bits` })
}

function publicKeyOf(x509: X509Certificate, which: WhichCertificate): KeyObject {
  try {
    return x509.publicKey
  } catch (error) {
    throw new CertificateRefused('key-kind', { which, found: 'unknown' }, { cause: error })
  }
}
