import { contentOf, type Image, makeImage, manifestOf, MEDIA_TYPES } from '../../support/images.js'
import { BLOBS, NAMED } from './story.js'

/** What the revisions and blobs of a story are. */
export interface Pool {
  readonly images: readonly Image[]
  readonly blobs: ReadonlyMap<string, string>
}

/** Fresh bytes for each story: a digest of one is nothing to another. */
export function makePool(): Pool {
  const random = makeImage({ layers: BLOBS.length }).blobs
  const contents = new Map(BLOBS.map((key, at) => [key, contentOf(random[at + 1]?.bytes ?? Buffer.alloc(0))]))
  const images: Image[] = []
  for (const [revision, keys] of NAMED.entries()) {
    const blobs = keys.flatMap((key) => contents.get(key) ?? [])
    const [config, ...layers] = blobs.map(({ descriptor }) => descriptor)
    const subject = revision === 2 ? { subject: images[0]?.manifest.descriptor, artifactType: 'a/b' } : {}
    const value = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers, ...subject }
    images.push({ manifest: manifestOf(value), blobs })
  }
  return { images, blobs: new Map([...contents].map(([key, { descriptor }]) => [key, descriptor.digest])) }
}
