import { createHash, type Hash } from 'node:crypto'
import { RegistryError } from './failure.js'

/** `sha256:` and 64, or `sha512:` and 128, lower-case hex digits (OCI image-spec, descriptor.md, "Digests"). */
export type Digest = string & { readonly __type: 'Digest' }

/** The registered algorithms that are kept here. */
export type Algorithm = 'sha256' | 'sha512'

export const ALGORITHMS: readonly Algorithm[] = ['sha256', 'sha512']

const SHAPE = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/
const SHAPE_ANYWHERE = /(?:sha256:[0-9a-f]{64}(?![0-9a-f])|sha512:[0-9a-f]{128}(?![0-9a-f]))/g

/** @throws RegistryError `digest-malformed` */
export function parseDigest(text: string): Digest {
  if (!SHAPE.test(text)) throw new RegistryError('digest-malformed', { digest: text })
  return text as Digest
}

/** The digest that the text is, or undefined. */
export function findDigest(text: string): Digest | undefined {
  return SHAPE.test(text) ? (text as Digest) : undefined
}

/** Every digest-shaped part of a text, each once: what a manifest of any media type may refer to. */
export function digestsIn(text: string): ReadonlySet<Digest> {
  return new Set((text.match(SHAPE_ANYWHERE) ?? []).map(copied) as Digest[])
}

/** A part of a text is a view of it, and would keep all of it in memory. */
function copied(part: string): string {
  return Buffer.from(part, 'latin1').toString('latin1')
}

/** @throws RegistryError `algorithm-unsupported` */
export function parseAlgorithm(text: string): Algorithm {
  if (text !== 'sha256' && text !== 'sha512')
    throw new RegistryError('algorithm-unsupported', { algorithm: text })
  return text
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512'
}

/** The hex digits after the colon. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/** The digest of a finished (or copied) hash. */
export function digestOf(algorithm: Algorithm, hash: Hash): Digest {
  return `${algorithm}:${hash.digest('hex')}` as Digest
}

/** The digest of bytes in memory. */
export function digestOfBytes(algorithm: Algorithm, bytes: Uint8Array): Digest {
  return digestOf(algorithm, createHash(algorithm).update(bytes))
}

const EMPTY: ReadonlySet<string> = new Set(ALGORITHMS.map((a) => digestOfBytes(a, new Uint8Array())))

/** True for the digest of no bytes at all: the only content that may have size 0. */
export function isDigestOfNothing(digest: Digest): boolean {
  return EMPTY.has(digest)
}
