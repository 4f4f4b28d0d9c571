import { createHash, randomBytes } from 'node:crypto'

export type Algorithm = 'sha256' | 'sha512'

export const MEDIA_TYPES = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

/** As the image specification has it; what a manifest says of a thing it refers to. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly artifactType?: string
  readonly data?: string
  readonly urls?: readonly string[]
  readonly platform?: Readonly<Record<string, string>>
}

/** Bytes with the descriptor that names them. */
export interface Content {
  readonly bytes: Buffer
  readonly descriptor: Descriptor
}

/** A manifest with everything that must be pushed before it. */
export interface Image {
  readonly manifest: Content
  readonly blobs: readonly Content[]
}

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

/** The digest of bytes that nobody has: well-formed, and absent everywhere. */
export function absentDigest(algorithm: Algorithm = 'sha256'): string {
  return digestOf(randomBytes(32), algorithm)
}

export function contentOf(
  bytes: Uint8Array,
  mediaType = 'application/octet-stream',
  algorithm: Algorithm = 'sha256',
): Content {
  const buffer = Buffer.from(bytes)
  return {
    bytes: buffer,
    descriptor: { mediaType, digest: digestOf(buffer, algorithm), size: buffer.length },
  }
}

/** A layer of random bytes: never the same twice, so that no test meets another's blobs. */
export function randomLayer(sizeBytes = 1024, algorithm: Algorithm = 'sha256'): Content {
  return contentOf(randomBytes(sizeBytes), MEDIA_TYPES.ociLayer, algorithm)
}

/** Any JSON value as a manifest of the given type, with two spaces as real tools write it. */
export function manifestOf(
  value: unknown,
  mediaType: string = MEDIA_TYPES.ociManifest,
  algorithm: Algorithm = 'sha256',
): Content {
  return contentOf(Buffer.from(JSON.stringify(value, undefined, 2)), mediaType, algorithm)
}

export interface ImageOptions {
  readonly layers?: number
  readonly layerSizeBytes?: number
  readonly algorithm?: Algorithm
  /** Docker's schema 2 instead of OCI. */
  readonly docker?: boolean
  /** Merged over the manifest: subject, artifactType, annotations, unknown fields... */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** An image of random layers with a plausible configuration. */
export function makeImage(options: ImageOptions = {}): Image {
  const algorithm = options.algorithm ?? 'sha256'
  const docker = options.docker ?? false
  const layers = Array.from({ length: options.layers ?? 2 }, () => {
    const layer = randomLayer(options.layerSizeBytes, algorithm)
    const mediaType = docker ? MEDIA_TYPES.dockerLayer : MEDIA_TYPES.ociLayer
    return { ...layer, descriptor: { ...layer.descriptor, mediaType } }
  })
  const configType = docker ? MEDIA_TYPES.dockerConfig : MEDIA_TYPES.ociConfig
  const config = contentOf(Buffer.from(configurationText(layers)), configType, algorithm)
  const manifestType = docker ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
    ...options.fields,
  }
  return { manifest: manifestOf(manifest, manifestType, algorithm), blobs: [config, ...layers] }
}

function configurationText(layers: readonly Content[]): string {
  return JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: { Labels: { nonce: randomBytes(8).toString('hex') } },
    rootfs: { type: 'layers', diff_ids: layers.map(({ descriptor }) => descriptor.digest) },
  })
}

/** An index (or, with `docker`, a manifest list) over manifests that are pushed already or will be. */
export function makeIndex(
  children: readonly Content[],
  {
    docker = false,
    fields = {},
    algorithm = 'sha256',
  }: {
    readonly docker?: boolean
    readonly fields?: Readonly<Record<string, unknown>>
    readonly algorithm?: Algorithm
  } = {},
): Content {
  const mediaType = docker ? MEDIA_TYPES.dockerList : MEDIA_TYPES.ociIndex
  const manifests = children.map(({ descriptor }, position) => ({
    ...descriptor,
    platform: { architecture: position === 0 ? 'amd64' : `arch${position}`, os: 'linux' },
  }))
  return manifestOf({ schemaVersion: 2, mediaType, manifests, ...fields }, mediaType, algorithm)
}

/** An artifact as oras pushes it: the empty config, an artifactType, perhaps a subject. */
export function makeArtifact(
  artifactType: string,
  {
    subject,
    annotations,
  }: { readonly subject?: Descriptor; readonly annotations?: Readonly<Record<string, string>> } = {},
): Image {
  const empty = contentOf(Buffer.from('{}'), MEDIA_TYPES.ociEmpty)
  const layer = randomLayer(64)
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType,
    config: { ...empty.descriptor, data: 'e30=' },
    layers: [layer.descriptor],
    ...(subject === undefined ? {} : { subject }),
    annotations: { nonce: randomBytes(8).toString('hex'), ...annotations },
  }
  return { manifest: manifestOf(manifest), blobs: [empty, layer] }
}
