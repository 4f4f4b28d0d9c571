import { readFileSync } from 'node:fs'
import path from 'node:path'

import type { FakeUpstream } from './fake-upstream/fake-upstream.js'
import { type ImageShape, ImageLayout, type LayoutImage, type Platform } from './image-layout.js'
import type { Content, Descriptor, Image } from './images.js'
import type { StateFolder } from './state-folder.js'

type HeldShape = ImageShape & { readonly state: StateFolder }

/** An image that daemons can unpack and run, held by an upstream under a name and the tag `1`. */
export function holdImage(
  upstream: FakeUpstream,
  repository: string,
  { state, ...shape }: HeldShape,
): LayoutImage {
  const layout = layoutFor(repository, state)
  const image = layout.addImage(`${repository}:1`, shape)
  upstream.hold(repository, readImage(layout, image), '1')
  return image
}

/** Such an image for each of two platforms, and the index of both under the tag `1`; the first is that of most machines. */
export function holdIndex(
  upstream: FakeUpstream,
  repository: string,
  { state, ...shape }: HeldShape,
): { readonly index: Descriptor; readonly images: readonly LayoutImage[] } {
  const layout = layoutFor(repository, state)
  const { index, images } = layout.addIndex(`${repository}:1`, shape, PLATFORMS)
  for (const image of images) upstream.hold(repository, readImage(layout, image))
  upstream.holdManifest(repository, read(layout, index), '1')
  return { index, images }
}

const PLATFORMS: readonly Platform[] = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
]

function layoutFor(repository: string, state: StateFolder): ImageLayout {
  return new ImageLayout(state.join(`held-${repository.replaceAll('/', '-')}`))
}

function readImage(layout: ImageLayout, { manifest, config, layers }: LayoutImage): Image {
  return { manifest: read(layout, manifest), blobs: [config, ...layers].map((each) => read(layout, each)) }
}

function read({ folder }: ImageLayout, descriptor: Descriptor): Content {
  const file = path.join(folder, 'blobs', descriptor.digest.replace(':', '/'))
  return { bytes: readFileSync(file), descriptor }
}
