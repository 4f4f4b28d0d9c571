import fc from 'fast-check'

import {
  type Content,
  contentOf,
  type Descriptor,
  makeIndex,
  manifestOf,
  MEDIA_TYPES,
  randomLayer,
} from '../../support/images.js'

/** A manifest of the pool, with what it needs in its repository. */
export interface PoolManifest {
  readonly content: Content
  readonly blobs: readonly number[]
  readonly children: readonly number[]
  readonly subject: number | undefined
}

/** A few blobs and manifests that share parts, so that a short list of steps meets itself often. */
export interface Pool {
  readonly blobs: readonly Content[]
  readonly manifests: readonly PoolManifest[]
}

export function makePool(): Pool {
  const blobs = [contentOf(Buffer.from('{}'), MEDIA_TYPES.ociConfig), randomLayer(100), randomLayer(5000)]
  const manifests: PoolManifest[] = []
  const image = (layers: readonly number[], subject?: number): void => {
    const fields = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      artifactType: 'application/x.pool',
      config: blobs[0]?.descriptor,
      layers: layers.map((layer) => blobs[layer]?.descriptor),
      annotations: { nth: `${manifests.length} of ${String(blobs[1]?.descriptor.digest)}` },
      ...(subject === undefined ? {} : { subject: manifests[subject]?.content.descriptor }),
    }
    manifests.push({ content: manifestOf(fields), blobs: [0, ...layers], children: [], subject })
  }
  image([1])
  image([1, 2])
  image([], 0) // refers to the first
  image([2], 0)
  const index = makeIndex(
    [0, 1].map((n) => contentAt(manifests, n)),
    {},
  )
  manifests.push({ content: index, blobs: [], children: [0, 1], subject: undefined })
  return { blobs, manifests }
}

function contentAt(manifests: readonly PoolManifest[], position: number): Content {
  const found = manifests[position]
  if (found === undefined) throw new Error(`the pool has no manifest ${position}`)
  return found.content
}

export function descriptorAt(pool: Pool, position: number): Descriptor {
  return contentAt(pool.manifests, position).descriptor
}

/** What a client does to two repositories; numbers name things of the pool. */
export type RegistryStep =
  | { readonly kind: 'push blob'; readonly repository: number; readonly blob: number }
  | { readonly kind: 'mount blob'; readonly repository: number; readonly from: number; readonly blob: number }
  | { readonly kind: 'delete blob'; readonly repository: number; readonly blob: number }
  | { readonly kind: 'read blob'; readonly repository: number; readonly blob: number }
  | {
      readonly kind: 'push'
      readonly repository: number
      readonly manifest: number
      readonly tag: string | undefined
    }
  | { readonly kind: 'delete'; readonly repository: number; readonly manifest: number }
  | { readonly kind: 'delete tag'; readonly repository: number; readonly tag: string }
  | { readonly kind: 'read'; readonly repository: number; readonly manifest: number }
  | { readonly kind: 'read tag'; readonly repository: number; readonly tag: string }
  | { readonly kind: 'list'; readonly repository: number }
  | { readonly kind: 'referrers'; readonly repository: number; readonly manifest: number }

const repository = fc.nat({ max: 1 })
const blob = fc.nat({ max: 2 })
const manifest = fc.nat({ max: 4 })
const tag = fc.constantFrom('a', 'b')
const maybeTag = fc.option(tag, { nil: undefined })

function kind<K extends RegistryStep['kind']>(name: K): fc.Arbitrary<K> {
  return fc.constant(name)
}

/** Mostly pushes, so that there is something to lose. */
export const registrySteps: fc.Arbitrary<readonly RegistryStep[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: kind('push blob'), repository, blob }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('mount blob'), repository, blob, from: repository }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('delete blob'), repository, blob }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('read blob'), repository, blob }) },
    { weight: 9, arbitrary: fc.record({ kind: kind('push'), repository, manifest, tag: maybeTag }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('delete'), repository, manifest }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('delete tag'), repository, tag }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('read'), repository, manifest }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('read tag'), repository, tag }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('list'), repository }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('referrers'), repository, manifest }) },
  ),
  { minLength: 1, maxLength: 40 },
)
