import { createHash } from 'node:crypto'

import { type Algorithm, type Digest, parseDigest } from '#core/oci/digest.js'
import { parseRepositoryName, type RepositoryName } from '#core/oci/repository.js'
import { parseTag, type Tag } from '#core/oci/reference.js'
import { seededBytes } from '#core-test/seeded-chance.js'

/** Bytes under the digest that names them. */
export interface Piece {
  readonly digest: Digest
  readonly bytes: Buffer
}

/** A manifest: what it must find beside it, and what it refers to as its subject. */
export interface ManifestPiece extends Piece {
  readonly mediaType: string
  readonly blobs: readonly Piece[]
  readonly children: readonly ManifestPiece[]
  readonly subject: Digest | undefined
}

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'

export const APP = repository('team/app')
export const SOURCE = repository('team/source')
export const FRESH = repository('team/fresh')

export function repository(text: string): RepositoryName {
  return parseRepositoryName(text)
}

export function tag(text: string): Tag {
  return parseTag(text)
}

function piece(bytes: Buffer, algorithm: Algorithm = 'sha256'): Piece {
  return { bytes, digest: parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`) }
}

/** A blob that a seed repeats: several pages long, so that a power cut can tear it. */
export function blob(seed: number, sizeBytes = 9000, algorithm: Algorithm = 'sha256'): Piece {
  return piece(seededBytes(seed, sizeBytes), algorithm)
}

/** An image of a configuration and one layer. */
export function image(seed: number, options: { subject?: ManifestPiece } = {}): ManifestPiece {
  const config = piece(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', nonce: seed })))
  const layer = blob(seed)
  const { subject } = options
  const document = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { ...descriptor(config), mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: [{ ...descriptor(layer), mediaType: 'application/vnd.oci.image.layer.v1.tar' }],
    ...(subject && { subject: { ...descriptor(subject), mediaType: subject.mediaType } }),
  }
  return {
    ...piece(Buffer.from(JSON.stringify(document))),
    mediaType: OCI_MANIFEST,
    blobs: [config, layer],
    children: [],
    subject: subject?.digest,
  }
}

/** A manifest that names these blobs: the first as its configuration, the others as layers. */
export function manifestOf(blobs: readonly Piece[]): ManifestPiece {
  const [config, ...layers] = blobs.map((one) => descriptor(one))
  const document = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { ...config, mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: layers.map((one) => ({ ...one, mediaType: 'application/vnd.oci.image.layer.v1.tar' })),
  }
  const bytes = Buffer.from(JSON.stringify(document))
  return { ...piece(bytes), mediaType: OCI_MANIFEST, blobs, children: [], subject: undefined }
}

export function index(children: readonly ManifestPiece[]): ManifestPiece {
  const document = {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: children.map((child) => ({ ...descriptor(child), mediaType: child.mediaType })),
  }
  return {
    ...piece(Buffer.from(JSON.stringify(document))),
    mediaType: OCI_INDEX,
    blobs: [],
    children,
    subject: undefined,
  }
}

function descriptor({ digest, bytes }: Piece): { readonly digest: Digest; readonly size: number } {
  return { digest, size: bytes.length }
}
