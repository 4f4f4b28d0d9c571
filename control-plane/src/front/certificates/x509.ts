// The library asks for this before anything else of it is loaded.
import 'reflect-metadata'

import type { KeyObject } from 'node:crypto'
import * as x509 from '@peculiar/x509'

import type { Random } from '../../system/random.js'
import { type CertificateName, isAddress } from './names.js'

const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
const P256 = { name: 'ECDSA', namedCurve: 'P-256' }

/** Everything that makes a certificate. Signing is ECDSA with SHA-256. */
export interface CertificateParts {
  readonly subject: x509.JsonName | x509.Name
  readonly issuer: x509.JsonName | x509.Name
  readonly notBefore: Date
  readonly notAfter: Date
  readonly publicKey: KeyObject
  /** P-256. */
  readonly signingKey: KeyObject
  readonly extensions: readonly x509.Extension[]
  readonly random: Random
}

/** Signs a certificate; answers its PEM text with one newline at the end. */
export async function signCertificate(parts: CertificateParts): Promise<string> {
  const { subject, issuer, notBefore, notAfter, publicKey, signingKey, extensions, random } = parts
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(random),
    subject,
    issuer,
    notBefore,
    notAfter,
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    signingKey: signingKey.toCryptoKey(P256, false, ['sign']),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [...extensions, await subjectKeyId(publicKey)],
  })
  return `${made.toString('pem')}\n`
}

/** RFC 5280, 4.1.2.2: positive and up to 20 bytes. So many by chance that no two CAs of a name ever share one. */
function serialNumber(random: Random): string {
  const bytes = random.bytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

function subjectKeyId(publicKey: KeyObject): Promise<x509.Extension> {
  return x509.SubjectKeyIdentifierExtension.create(publicKey.export({ type: 'spki', format: 'der' }))
}

/** What a request for a server's certificate says. */
export interface RequestParts {
  readonly names: readonly CertificateName[]
  readonly commonName?: string
  readonly organization?: string
  /** P-256 or RSA. */
  readonly key: KeyObject
  readonly publicKey: KeyObject
}

/** A request that an authority can sign; answers its PEM text with one newline at the end. */
export async function signRequest(parts: RequestParts): Promise<string> {
  const { names, commonName, organization, key, publicKey } = parts
  const algorithm = key.asymmetricKeyType === 'rsa' ? RSA : P256
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    // As objects: in a plain text the library takes quotes and backslashes for its own.
    name: new x509.Name([
      ...(organization === undefined ? [] : [{ O: [{ utf8String: organization }] }]),
      ...(commonName === undefined ? [] : [{ CN: [{ utf8String: commonName }] }]),
    ]),
    keys: {
      privateKey: key.toCryptoKey(algorithm, true, ['sign']),
      publicKey: publicKey.toCryptoKey(algorithm, true, ['verify']),
    },
    signingAlgorithm: { hash: 'SHA-256', ...algorithm },
    extensions: [...serverUsage(), alternativeNames(names)],
  })
  return `${made.toString('pem')}\n`
}

/** The first that a common name has room for (RFC 5280, appendix A); people read it, clients do not. */
export function shortName(names: readonly CertificateName[]): string | undefined {
  return names.find((name) => name.length <= 64)
}

/** Which key of an authority has signed: how clients tell two authorities of one name apart. */
export function authorityKeyId(publicKey: KeyObject): Promise<x509.Extension> {
  return x509.AuthorityKeyIdentifierExtension.create(publicKey.export({ type: 'spki', format: 'der' }))
}

/** The names of a certificate; clients look at nothing else (RFC 9525). */
export function alternativeNames(names: readonly CertificateName[]): x509.Extension {
  return new x509.SubjectAlternativeNameExtension(
    names.map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value })),
  )
}

/** What a server's key is for. */
export function serverUsage(): readonly x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
  ]
}

/** What the key of an authority is for, which signs servers and no other authorities. */
export function authorityUsage(): readonly x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ]
}

/** The subject of a certificate, byte for byte as an issuer's name has to be repeated. */
export function subjectOf(pem: string): x509.Name {
  return new x509.X509Certificate(pem).subjectName
}
