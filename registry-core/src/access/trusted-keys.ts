import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { FileVersion, WatchedFile } from '../system/watched-file.js'

/** A bundle of certificates, or a key set, may be so large. */
export const KEYS_LIMIT_BYTES = 1024 * 1024
const CHAIN_LIMIT = 8

interface Trusted {
  /** By libtrust's fingerprint, and by `kid` in the key set. */
  readonly keys: ReadonlyMap<string, KeyObject>
  readonly roots: readonly X509Certificate[]
}

export interface TrustedKeysParts {
  readonly certificates: WatchedFile | undefined
  readonly keySet: WatchedFile | undefined
  readonly clock: Clock
  readonly log: Log
}

/** The keys that may sign tokens of `auth.token`: those of its files, read again when they change, and no others. */
export class TrustedKeys {
  readonly #parts: TrustedKeysParts
  #versions: readonly (FileVersion | undefined)[] = []
  #trusted: Trusted = { keys: new Map(), roots: [] }

  constructor(parts: TrustedKeysParts) {
    this.#parts = parts
  }

  /** The key under that name: a `kid`, or libtrust's fingerprint. */
  find(kid: string): KeyObject | undefined {
    return this.#current().keys.get(kid)
  }

  /** The key itself, when it is one of ours: what a token brings along is never trusted for itself. */
  findSame(jwk: object): KeyObject | undefined {
    const key = keyOfJwk(jwk)
    return key && this.find(libtrustId(key))
  }

  /** The key of a chain's first certificate (base64 DER), when it leads to one of the bundle. */
  findByChain(chain: readonly string[]): KeyObject | undefined {
    if (chain.length === 0 || chain.length > CHAIN_LIMIT) return undefined
    const certificates = chain.map(readCertificate)
    const [leaf] = certificates
    const now = this.#parts.clock.now()
    const { roots } = this.#current()
    for (const [index, certificate] of certificates.entries()) {
      if (certificate === undefined || !isValidAt(certificate, now)) return undefined
      if (index > 0 && !certificate.ca) return undefined
      if (roots.some((root) => root.raw.equals(certificate.raw))) return leaf?.publicKey
      if (roots.some((root) => isValidAt(root, now) && root.ca && isIssuedBy(certificate, root)))
        return leaf?.publicKey
      const next = certificates[index + 1]
      if (next === undefined || !isIssuedBy(certificate, next)) return undefined
    }
    return undefined
  }

  #current(): Trusted {
    const { certificates, keySet } = this.#parts
    const versions = [certificates?.current(), keySet?.current()]
    if (versions.every((version, index) => version === this.#versions[index]) && this.#versions.length > 0)
      return this.#trusted
    this.#versions = versions
    const [bundle, set] = versions
    this.#say(certificates, bundle)
    this.#say(keySet, set)
    const roots = this.#certificatesIn(bundle?.text ?? '')
    const keys = new Map(roots.map(({ publicKey }) => [libtrustId(publicKey), publicKey]))
    for (const [kid, key] of this.#keysIn(set?.text)) keys.set(kid, key)
    this.#trusted = { roots, keys }
    return this.#trusted
  }

  #say(file: WatchedFile | undefined, version: FileVersion | undefined): void {
    if (version?.fault === undefined) return
    const { fault } = version
    this.#parts.log.error(
      { path: file?.path, fault },
      'a file of auth.token cannot be read: its keys do not count',
    )
  }

  #certificatesIn(pem: string): readonly X509Certificate[] {
    return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).flatMap((one) => {
      const certificate = readCertificate(one)
      if (certificate !== undefined) return [certificate]
      this.#parts.log.warn(
        { path: this.#parts.certificates?.path },
        'a certificate of auth.token cannot be read',
      )
      return []
    })
  }

  /** A key without a `kid` is known by its fingerprint alone. */
  #keysIn(text: string | undefined): readonly (readonly [string, KeyObject])[] {
    if (text === undefined) return []
    const set = readKeySet(text)
    if (set === undefined)
      this.#parts.log.warn({ path: this.#parts.keySet?.path }, 'the file of auth.token.jwks is no key set')
    return (set ?? []).flatMap((jwk) => {
      const key = keyOfJwk(jwk)
      if (key === undefined) return []
      const id = [libtrustId(key), key] as const
      return jwk.kid === undefined ? [id] : [id, [jwk.kid, key] as const]
    })
  }
}

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kid: z.string().optional() })) })

function readKeySet(text: string) {
  try {
    return keySetSchema.parse(JSON.parse(text)).keys
  } catch {
    return undefined
  }
}

/** A public key; a private or symmetric one says something else. */
function keyOfJwk(jwk: object): KeyObject | undefined {
  const { kty, crv, n, e, x, y } = { kty: '', crv: '', n: '', e: '', x: '', y: '', ...jwk }
  try {
    return createPublicKey({ key: { kty, crv, n, e, x, y }, format: 'jwk' })
  } catch {
    return undefined
  }
}

function readCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text.startsWith('-----') ? text : Buffer.from(text, 'base64'))
  } catch {
    return undefined
  }
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now <= validToDate
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

/** RFC 4648's base 32, as libtrust names keys: 30 bytes of the SHA-256 of the public key, in groups of four. */
export function libtrustId(key: KeyObject): string {
  const bytes = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 30)
  let bits = ''
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0')
  const letters = bits.match(/.{5}/g) ?? []
  const text = letters.map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)]).join('')
  return (text.match(/.{4}/g) ?? []).join(':')
}
