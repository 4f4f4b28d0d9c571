import { readFileSync } from 'node:fs'
import path from 'node:path'

import type { FakeUpstream } from './fake-upstream/fake-upstream.js'
import { type ImageShape, ImageLayout, type LayoutImage } from './image-layout.js'
import type { Content, Descriptor } from './images.js'
import type { StateFolder } from './state-folder.js'

/** An image that daemons can unpack and run, held by an upstream under a name and the tag `1`. */
export function holdImage(
  upstream: FakeUpstream,
  repository: string,
  { state, ...shape }: ImageShape & { readonly state: StateFolder },
): LayoutImage {
  const layout = new ImageLayout(state.join(`held-${repository.replaceAll('/', '-')}`))
  const image = layout.addImage(`${repository}:1`, shape)
  const read = (descriptor: Descriptor): Content => {
    const file = path.join(layout.folder, 'blobs', descriptor.digest.replace(':', '/'))
    return { bytes: readFileSync(file), descriptor }
  }
  const blobs = [image.config, ...image.layers].map(read)
  upstream.hold(repository, { manifest: read(image.manifest), blobs }, '1')
  return image
}
