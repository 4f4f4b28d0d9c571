import { createCipheriv, createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

import { type Descriptor, digestOf, MEDIA_TYPES } from './images.js'

/** As an index says which machine an image is for. */
export type Platform = Readonly<Record<'os' | 'architecture', string>>

export interface ImageShape {
  /** What the random bytes are made from: the same seed gives the same image. */
  readonly seed: string
  readonly layers: number
  readonly layerBytes: number
  readonly platform?: Platform
  /** An image whose layers come first, so that both share them. */
  readonly base?: ImageShape
}

/** An image as it lies in a layout folder. */
export interface LayoutImage {
  readonly manifest: Descriptor
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  /** The digests of the layers before compression, which no recompression changes. */
  readonly diffIds: readonly string[]
  /** What it prints when it runs: the sums of the files in its layers. */
  readonly prints: string
}

const HERE: Platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' }

/**
 * A folder that is an OCI layout and, packed by tar, what `docker load` of any version reads: images are made without a
 * registry, a daemon or a build, and their digests are known beforehand.
 */
export class ImageLayout {
  readonly folder: string
  readonly #index: Descriptor[] = []
  readonly #archive: { Config: string; RepoTags: string[]; Layers: string[] }[] = []

  constructor(folder: string) {
    this.folder = folder
    mkdirSync(path.join(folder, 'blobs/sha256'), { recursive: true })
    writeFileSync(path.join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  }

  /** Writes an image of random layers, the first with a busybox beside; `name` is what `docker load` calls it. */
  addImage(name: string, shape: ImageShape): LayoutImage {
    const image = this.#image(shape)
    this.#index.push({ ...image.manifest, annotations: names(name) })
    this.#archive.push({
      Config: blobPath(image.config),
      RepoTags: [name],
      Layers: image.layers.map(blobPath),
    })
    this.#save()
    return image
  }

  /** Writes one image for each platform and an index of them; older daemons cannot load it, tools for layouts can. */
  addIndex(
    name: string,
    shape: ImageShape,
    platforms: readonly Platform[],
  ): { index: Descriptor; images: LayoutImage[] } {
    const images = platforms.map((platform) =>
      this.#image({ ...shape, platform, seed: `${shape.seed} ${platform.architecture}` }),
    )
    const manifests = images.map(({ manifest }, at) => ({ ...manifest, platform: { ...platforms[at] } }))
    const mediaType = MEDIA_TYPES.ociIndex
    const index = this.#json(mediaType, { schemaVersion: 2, mediaType, manifests })
    this.#index.push({ ...index, annotations: names(name) })
    this.#save()
    return { index, images }
  }

  #image(shape: ImageShape): LayoutImage {
    const files = filesOf(shape)
    const busybox = tarEntry('bin/busybox', readFileSync('/bin/busybox'))
    const tars = files.map(({ name, bytes }, at) =>
      Buffer.concat([...(at === 0 ? [busybox] : []), tarEntry(name, bytes), Buffer.alloc(1024)]),
    )
    const layers = tars.map((tar) => this.#blob(MEDIA_TYPES.ociLayer, gzipSync(tar, { level: 1 })))
    const diffIds = tars.map((tar) => digestOf(tar))
    const config = this.#json(MEDIA_TYPES.ociConfig, {
      ...(shape.platform ?? HERE),
      config: { Cmd: ['/bin/busybox', 'sha256sum', ...files.map(({ name }) => name)], WorkingDir: '/' },
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: diffIds.map((_, at) => ({ created_by: `layer ${at}` })),
    })
    const mediaType = MEDIA_TYPES.ociManifest
    const manifest = this.#json(mediaType, { schemaVersion: 2, mediaType, config, layers })
    const prints = files
      .map(({ name, bytes }) => `${digestOf(bytes).slice('sha256:'.length)}  ${name}\n`)
      .join('')
    return { manifest, config, layers, diffIds, prints }
  }

  #json(mediaType: string, value: object): Descriptor {
    return this.#blob(mediaType, Buffer.from(JSON.stringify(value)))
  }

  #blob(mediaType: string, bytes: Buffer): Descriptor {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length }
    writeFileSync(path.join(this.folder, blobPath(descriptor)), bytes)
    return descriptor
  }

  #save(): void {
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: this.#index }
    writeFileSync(path.join(this.folder, 'index.json'), JSON.stringify(index))
    writeFileSync(path.join(this.folder, 'manifest.json'), JSON.stringify(this.#archive))
  }
}

/** Bytes that no compression shrinks, the same for the same seed. */
export function randomBytes(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

function names(name: string): Record<string, string> {
  const tag = name.slice(name.lastIndexOf(':') + 1)
  return { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tag }
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/${digest.replace(':', '/')}`
}

/** What stands in each layer: one file of random bytes. */
function filesOf(shape: ImageShape): { readonly name: string; readonly bytes: Buffer }[] {
  const files = shape.base === undefined ? [] : filesOf(shape.base)
  for (let each = 1; each <= shape.layers; each++) {
    const bytes = randomBytes(`${shape.seed} ${each}`, shape.layerBytes)
    files.push({ name: `random-${files.length + 1}`, bytes })
  }
  return files
}

/** An executable file as it stands in a tar, in the oldest format that everybody reads. */
function tarEntry(name: string, bytes: Buffer): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  header.write(name, 0)
  header.write(`${octal(0o755, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100)
  header.write(`${octal(bytes.length, 11)}\0${octal(0, 11)}\0`, 124)
  header.write(' '.repeat(8), 148)
  header.write('0', 156)
  header.write('ustar\0', 257)
  header.write('00', 263)
  header.write(
    `${octal(
      header.reduce((total, byte) => total + byte, 0),
      6,
    )}\0 `,
    148,
  )
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}
