/** Media types of manifests that are understood here (OCI image-spec media-types.md; Docker image manifest v2). */
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
const DOCKER_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+json'
const DOCKER_SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws'

/** An image names a config and layers; an index names manifests. */
export type ManifestKind = 'image' | 'index'

const KINDS: ReadonlyMap<string, ManifestKind> = new Map([
  [OCI_MANIFEST, 'image'],
  [DOCKER_MANIFEST, 'image'],
  [OCI_INDEX, 'index'],
  [DOCKER_LIST, 'index'],
])

/** The kind of manifest a media type stands for; undefined for all others. */
export function findManifestKind(mediaType: string): ManifestKind | undefined {
  return KINDS.get(mediaType)
}

export function isSchema1(mediaType: string): boolean {
  return mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED
}

/** Layers whose bytes a registry need not hold ("foreign", "non-distributable"): never fetched, may be absent. */
export function mayBeAbsent(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.') ||
    mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.')
  )
}

/** A Content-Type without its parameters, in lower case; empty when the header is missing. */
export function withoutParameters(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1).join('').trim().toLowerCase()
}
