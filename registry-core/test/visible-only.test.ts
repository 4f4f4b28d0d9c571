import { beforeEach, expect, test } from '@jest/globals'

import type { Digest } from '#core/oci/digest.js'
import { OCI_MANIFEST } from '#core/oci/media-type.js'
import { referrerKey } from '#core/oci/referrer-key.js'
import type { Source } from '#core/registry/source.js'
import { isPrivate } from '#core/store/fetched.js'
import { NamedBlobs } from '#core/views/named-blobs.js'
import { visibleOnly } from '#core/views/visible-only.js'

import { openAlone, type OpenedProcess } from './simulated-store.js'
import { APP, bytesOf, digestOf, NEVER, putLayer, putRevision } from './store-bench.js'

let core: OpenedProcess
let stranger: Source
let [config, layer, secret]: Digest[] = []

beforeEach(async () => {
  ;({ core } = await openAlone())
  const { links, origins } = core.store
  const named = new NamedBlobs({ origins })
  const sees = (provenance: Parameters<typeof isPrivate>[0]): boolean => !isPrivate(provenance)
  stranger = visibleOnly(core.registry.repository(APP), { links, origins, named, sees })
  ;[config, layer, secret] = [
    await putLayer(core.store, bytesOf(1)),
    await putLayer(core.store, bytesOf(2)),
    await putLayer(core.store, bytesOf(3)),
  ]
})

function manifestOf(blob: Digest | undefined, annotations: Readonly<Record<string, string>> = {}): Buffer {
  const described = (digest: Digest | undefined) => ({
    mediaType: 'application/octet-stream',
    digest,
    size: 3000,
  })
  const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: described(config), annotations }
  return Buffer.from(JSON.stringify({ ...image, layers: [described(blob)] }))
}

async function fetchPrivate(bytes: Buffer): Promise<void> {
  await core.store.content.commitBytes(digestOf(bytes), bytes)
  await core.store.origins.publishRevision(APP, digestOf(bytes), { host: 'quay.io', etag: undefined })
}

async function isOpen(digest: Digest | undefined, signal = NEVER): Promise<boolean> {
  if (digest === undefined) throw new Error('made before each test')
  const request = { promise: false, wantsBytes: true, signal: () => signal }
  return (await stranger.blob(digest, request)) !== undefined
}

test('a blob is open to whoever may see a manifest that names it', async () => {
  await fetchPrivate(manifestOf(secret))
  expect([await isOpen(layer), await isOpen(secret)]).toEqual([false, false])
  await putRevision(core.store, manifestOf(layer))
  expect([await isOpen(config), await isOpen(layer), await isOpen(secret)]).toEqual([true, true, false])
  await putRevision(core.store, manifestOf(secret))
  expect(await isOpen(secret)).toBe(true)
})

test('a digest that stands in an annotation opens nothing', async () => {
  await fetchPrivate(manifestOf(secret))
  await putRevision(core.store, manifestOf(layer, { note: String(secret) }))
  expect([await isOpen(layer), await isOpen(secret)]).toEqual([true, false])
})

test('a blob is open no longer than the manifest that names it is here', async () => {
  await fetchPrivate(manifestOf(secret))
  const own = await putRevision(core.store, manifestOf(layer))
  expect(await isOpen(layer)).toBe(true)
  await core.store.links.removeRevision(APP, own)
  expect(await isOpen(layer)).toBe(false)
})

test('pages of referrers are full of visible ones, and lead on to visible ones', async () => {
  const subject = await putRevision(core.store, manifestOf(layer))
  const digests: Digest[] = []
  for (let seed = 0; seed < 8; seed += 1) {
    const bytes = manifestOf(layer, { seed: `${seed}` })
    const digest = digestOf(bytes)
    digests.push(digest)
    const descriptor = Buffer.from(JSON.stringify({ mediaType: OCI_MANIFEST, digest, size: bytes.length }))
    if (seed < 5) await fetchPrivate(bytes)
    else await putRevision(core.store, bytes)
    await core.store.links.addReferrer(APP, subject, digest, descriptor)
  }
  const open = digests.slice(5).toSorted()
  for (const limit of [1, 2, 3, undefined]) {
    const pages: Digest[][] = []
    for (let last: string | undefined; ; ) {
      const request = { artifactType: undefined, last, limit }
      const { value } = await stranger.referrers(subject, request, () => NEVER)
      const page = value.manifests.map(({ digest }) => digest)
      pages.push(page)
      last = value.next
      if (last === undefined) break
      expect(last).toBe(referrerKey(page.at(-1) ?? subject))
    }
    expect(pages.flat()).toEqual(open)
    expect(pages.length).toBe(Math.ceil(open.length / (limit ?? open.length)))
  }
})

test('whoever has gone waits for no manifests', async () => {
  await putRevision(core.store, manifestOf(layer))
  await expect(isOpen(layer, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
})
