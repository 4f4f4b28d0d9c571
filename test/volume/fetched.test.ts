import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { type Digest, digestOfBytes } from '#core/oci/digest.js'
import { OCI_MANIFEST } from '#core/oci/media-type.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { Keys } from '#core/store/keys.js'
import { openFolder } from '#core-test/real-store.js'

import { forecastCollection } from '../support/distribution.js'
import { RegistryClient } from '../support/registry-client.js'
import { startDockerRegistry } from '../support/targets.js'

const REPOSITORY = parseRepositoryName('docker.io/library/app')
const TAG = parseTag('latest')
const FROM = { host: 'docker.io', etag: '"1"' }

let root: string

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})

afterEach(() => rmSync(root, { recursive: true }))

interface Fetched {
  readonly live: readonly Digest[]
  /** What nobody names, so that a collector has something to find. */
  readonly orphan: Digest
}

/** An image that a mirror has fetched. */
async function fetchImage(): Promise<Fetched> {
  const store = await openFolder(root)
  const never = new AbortController().signal
  const blobs = ['{}', 'a layer'].map((text) => Buffer.from(text))
  for (const bytes of blobs) {
    const digest = digestOfBytes('sha256', bytes)
    const partial = await store.partials.open(digest, never)
    await partial.append([bytes])
    await partial.commit()
    await partial.close()
    await store.links.publishLayer(REPOSITORY, digest, digest)
  }
  const [config, layer] = blobs.map((bytes) => digestOfBytes('sha256', bytes))
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: 2 },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer, size: 7 }],
    }),
  )
  const digest = digestOfBytes('sha256', manifest)
  await store.content.commitBytes(digest, manifest)
  await store.origins.publishRevision(REPOSITORY, digest, FROM)
  expect(await store.origins.publishTag(REPOSITORY, TAG, digest, FROM)).toBe(true)
  const orphan = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, layers: [] }))
  await store.content.commitBytes(digestOfBytes('sha256', orphan), orphan)
  const unfinished = await store.partials.open(digestOfBytes('sha256', Buffer.from('x')), never)
  await unfinished.append([Buffer.from('not all of it')])
  await unfinished.keep()
  await unfinished.close()
  await store.close()
  return {
    live: [...blobs.map((bytes) => digestOfBytes('sha256', bytes)), digest],
    orphan: digestOfBytes('sha256', orphan),
  }
}

test('registry:2\u2019s collector finds everything that a mirror wrote in use, and nothing wrong with it', async () => {
  const { live, orphan } = await fetchImage()
  expect(existsSync(new Keys(root).fetchedMark(REPOSITORY))).toBe(true)
  const { eligibleBlobs, markedBlobs } = await forecastCollection(root)
  expect(eligibleBlobs).toEqual([orphan])
  expect([...markedBlobs].toSorted()).toEqual(live.toSorted())
})

test('registry:2 lists what a mirror wrote, and nothing that we keep beside it', async () => {
  await fetchImage()
  expect(existsSync(new Keys(root).fetchedMark(REPOSITORY))).toBe(true)
  const theirs = await startDockerRegistry({ root })
  const client = new RegistryClient(theirs.baseUrl)
  try {
    expect((await client.get('/v2/_catalog')).json()).toEqual({ repositories: [REPOSITORY] })
    expect((await client.get(`/v2/${REPOSITORY}/tags/list`)).json()).toMatchObject({ tags: [TAG] })
  } finally {
    await client.close()
    await theirs.remove()
  }
})
