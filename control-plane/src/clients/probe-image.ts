import { createHash } from 'node:crypto'

import { packTar } from 'modern-tar'

/** What clients pull to prove that they pull from this box, and from nowhere else: its digest is this box's alone. */
export const PROBE = { repository: 'entrepot/probe', tag: '1' } as const

/** Every platform that daemons are built for: one who finds no manifest of its own in an index pulls nothing. */
const PLATFORMS = [
  ...[{ architecture: 'amd64' }, { architecture: 'arm64' }, { architecture: '386' }],
  ...[
    { architecture: 'arm', variant: 'v5' },
    { architecture: 'arm', variant: 'v6' },
  ],
  ...[{ architecture: 'arm', variant: 'v7' }, { architecture: 'ppc64le' }, { architecture: 's390x' }],
  ...[{ architecture: 'riscv64' }, { architecture: 'loong64' }, { architecture: 'mips64le' }],
] as const

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'

/** Something with a digest, as it goes over the wire. */
interface Piece {
  readonly mediaType: string
  readonly digest: string
  readonly bytes: Buffer
}

/** An image of one file, for every platform. */
interface ProbeImage {
  readonly blobs: readonly Piece[]
  readonly manifests: readonly Piece[]
  readonly index: Piece
}

/** Made anew with each nonce: nobody who does not ask this box can have one with its digest. */
export async function makeProbeImage(nonce: string): Promise<ProbeImage> {
  const body = `This image is here to be pulled: whoever has it has it from one Entrepot box.\n${nonce}\n`
  const header = { name: 'entrepot-probe', size: body.length, mode: 0o644, mtime: new Date(0) }
  const tar = Buffer.from(await packTar([{ header, body }]))
  const layer = pieceOf('application/vnd.oci.image.layer.v1.tar', tar)
  const made = PLATFORMS.map((platform) => imageFor({ os: 'linux', ...platform }, layer))
  const manifests = made.map(({ manifest, platform }) => ({ ...descriptor(manifest), platform }))
  return {
    blobs: [layer, ...made.map(({ config }) => config)],
    manifests: made.map(({ manifest }) => manifest),
    index: jsonPiece(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests }),
  }
}

function imageFor(platform: Readonly<Record<string, string>>, layer: Piece) {
  const config = jsonPiece('application/vnd.oci.image.config.v1+json', {
    ...{ created: '1970-01-01T00:00:00Z', ...platform },
    config: { Labels: { 'org.opencontainers.image.title': 'Entrepot probe' } },
    rootfs: { type: 'layers', diff_ids: [layer.digest] }, // not compressed: the layer is what it unpacks to
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'entrepot' }],
  })
  const manifest = jsonPiece(MANIFEST, {
    ...{ schemaVersion: 2, mediaType: MANIFEST },
    ...{ config: descriptor(config), layers: [descriptor(layer)] },
  })
  return { platform, config, manifest }
}

function descriptor({ mediaType, digest, bytes }: Piece) {
  return { mediaType, digest, size: bytes.length }
}

function jsonPiece(mediaType: string, value: object): Piece {
  return pieceOf(mediaType, Buffer.from(JSON.stringify(value)))
}

function pieceOf(mediaType: string, bytes: Buffer): Piece {
  return { mediaType, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes }
}
