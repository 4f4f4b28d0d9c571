import { beforeEach, expect, test } from '@jest/globals'
import { type Digest, digestOfBytes } from '#core/oci/digest.js'
import { OCI_INDEX, OCI_MANIFEST } from '#core/oci/media-type.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { ManifestPutResult } from '#core/registry/source.js'
import { turn } from './fake-clock.js'
import type { SimulatedFs } from './simulated-fs.js'
import { openAlone, type OpenedProcess } from './simulated-store.js'

const REPOSITORY = parseRepositoryName('a/b')
const ACTOR = { requestId: '', remoteAddress: '', method: 'PUT', userAgent: '', account: '', origin: '' }
const CONFIG = Buffer.from('{}')

let fs: SimulatedFs
let core: OpenedProcess

beforeEach(async () => {
  ;({ fs, core } = await openAlone())
  const digest = digestOfBytes('sha256', CONFIG)
  await core.store.content.commitBytes(digest, CONFIG)
  await core.store.links.publishLayer(REPOSITORY, digest, digest)
})

function digestOf(number: number): Digest {
  return digestOfBytes('sha256', Buffer.from(String(number)))
}

function manyDigests(count: number): readonly Digest[] {
  return Array.from({ length: count }, (_, number) => digestOf(number))
}

function described(digest: Digest, size: number, mediaType = 'application/octet-stream'): object {
  return { mediaType, digest, size }
}

function put(mediaType: string, fields: object): Promise<ManifestPutResult> {
  return core.registry.repository(REPOSITORY).putManifest({
    reference: { kind: 'tag', tag: parseTag('v1') },
    tags: [],
    contentType: mediaType,
    bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...fields })),
    actor: ACTOR,
  })
}

function putImage(fields: object): Promise<ManifestPutResult> {
  return put(OCI_MANIFEST, { config: described(digestOfBytes('sha256', CONFIG), 2), layers: [], ...fields })
}

function listings(): number {
  return fs.calls.filter(({ name }) => name === 'list').length
}

test('a manifest that mentions thousands of digests is refused before anything is looked up or written', async () => {
  const before = fs.calls.length
  const pushed = putImage({ annotations: { all: manyDigests(5000).join(' ') } })
  await expect(pushed).rejects.toMatchObject({
    failure: 'manifest-invalid',
    message: expect.stringContaining('5000 digests beside its references; 1004 are allowed'),
  })
  expect(fs.calls.length - before).toBeLessThan(50)
})

test('foreign layers that are not here count as mentions', async () => {
  const foreign = 'application/vnd.oci.image.layer.nondistributable.v1.tar'
  const layers = manyDigests(5000).map((digest) => described(digest, 1, foreign))
  await expect(putImage({ layers })).rejects.toMatchObject({ failure: 'manifest-invalid' })
})

test('a manifest may mention a thousand digests, and trash is not read for each of them', async () => {
  const before = listings()
  await putImage({ annotations: { all: manyDigests(1000).join(' ') } })
  expect(listings() - before).toBeLessThanOrEqual(4 * 256)
})

test('what a manifest mentions comes back from trash', async () => {
  const mentioned = digestOf(1)
  await core.store.content.commitBytes(mentioned, Buffer.from('1'))
  await core.store.links.publishLayer(REPOSITORY, mentioned, mentioned)
  await core.store.trash.condemn({ kind: 'data', digest: mentioned }, 'run-1')
  await core.store.trash.condemn({ kind: 'layer', repository: REPOSITORY, digest: mentioned }, 'run-1')
  await putImage({ annotations: { base: mentioned } })
  const names: string[] = []
  for await (const { name } of core.store.trash.list()) names.push(name)
  expect(names).toEqual([])
})

test('an index of thousands of missing manifests is refused after the first hundred', async () => {
  const before = listings()
  const manifests = manyDigests(5000).map((digest) => described(digest, 1, OCI_MANIFEST))
  const refused = await put(OCI_INDEX, { manifests }).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(refused).toMatchObject({ failure: 'manifest-blob-unknown' })
  expect(refused).toHaveProperty('detail.digests.length', 100)
  expect(listings() - before).toBeLessThanOrEqual(200)
})

test('a layer that one descriptor calls foreign and another needs must be here', async () => {
  const digest = digestOf(1)
  const foreign = 'application/vnd.oci.image.layer.nondistributable.v1.tar'
  const layers = [described(digest, 1, foreign), described(digest, 1)]
  await expect(putImage({ layers })).rejects.toMatchObject({
    failure: 'manifest-blob-unknown',
    detail: { digests: [digest] },
  })
})

test('others get their turn between the large manifests of an index', async () => {
  const children: object[] = []
  for (let number = 0; number < 12; number += 1) {
    const config = described(digestOfBytes('sha256', CONFIG), 2)
    const annotations = { padding: String(number).padEnd(1024 * 1024, 'x') }
    const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [], annotations }
    const bytes = Buffer.from(JSON.stringify(image))
    const digest = digestOfBytes('sha256', bytes)
    await core.store.content.commitBytes(digest, bytes)
    await core.store.links.publishRevision(REPOSITORY, digest)
    children.push(described(digest, bytes.length, OCI_MANIFEST))
  }
  let turns = 0
  let isPut = false
  const pushed = put(OCI_INDEX, { manifests: children }).finally(() => {
    isPut = true
  })
  while (!isPut) {
    await turn()
    turns += 1
  }
  await pushed
  expect(turns).toBeGreaterThan(children.length)
})
