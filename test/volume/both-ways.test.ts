import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { forecastCollection } from '../support/distribution.js'
import { absentDigest, digestOf, type Image, makeImage, makeIndex, randomLayer } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { expectStatus, RegistryClient } from '../support/registry-client.js'
import { startCore, startDockerRegistry, type Target } from '../support/targets.js'

const NEEDS = [{ program: 'docker-registry', debianPackage: 'docker-registry' }]

/** Both registries in turn on one volume, never at once. */
describeNeeding(NEEDS, 'a volume goes to docker-registry and back', () => {
  let root = ''
  const running: Target[] = []

  beforeEach(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  })

  afterEach(async () => {
    for (const target of running.splice(0)) await target.remove()
    rmSync(root, { recursive: true, force: true })
  })

  async function on(start: typeof startCore, use: (client: RegistryClient) => Promise<void>): Promise<void> {
    const target = await start({ root })
    running.push(target)
    const client = new RegistryClient(target.baseUrl)
    try {
      await use(client)
    } finally {
      await client.close()
      await target.remove()
      running.pop()
    }
  }

  async function expectNothingLiveEligible(...live: readonly Image[]): Promise<void> {
    const { eligibleBlobs, markedBlobs } = await forecastCollection(root)
    // A manifest that was pushed by tag is kept under its sha256, whatever its blobs are.
    for (const { manifest, blobs } of live)
      for (const digest of [digestOf(manifest.bytes), ...blobs.map(({ descriptor }) => descriptor.digest)]) {
        expect(markedBlobs).toContain(digest)
        expect(eligibleBlobs).not.toContain(digest)
      }
  }

  async function expectWhole(client: RegistryClient, name: string, tag: string, image: Image): Promise<void> {
    const pulled = await client.pullManifest(name, tag)
    expect(pulled.bytes).toEqual(image.manifest.bytes)
    expect(pulled.descriptor.mediaType).toBe(image.manifest.descriptor.mediaType)
    for (const { bytes, descriptor } of image.blobs)
      expect(await client.pullBlob(name, descriptor.digest)).toEqual(bytes)
  }

  test('what either wrote is served whole by the other', async () => {
    const [ours, theirs] = [makeImage({ layers: 3 }), makeImage({ docker: true })]
    await on(startCore, async (client) => {
      await client.pushImage('team/ours', ours, 'v1')
    })
    await on(startDockerRegistry, async (client) => {
      await expectWhole(client, 'team/ours', 'v1', ours)
      await client.pushImage('team/theirs', theirs, 'v1')
      await client.pushImage('team/ours', theirs, 'v2')
    })
    await on(startCore, async (client) => {
      await expectWhole(client, 'team/theirs', 'v1', theirs)
      await expectWhole(client, 'team/ours', 'v2', theirs)
      await expectWhole(client, 'team/ours', 'v1', ours)
      expect((await client.get('/v2/_catalog')).json()).toEqual({
        repositories: ['team/ours', 'team/theirs'],
      })
      expect((await client.get('/v2/team/ours/tags/list')).json()).toMatchObject({ tags: ['v1', 'v2'] })
    })
    await expectNothingLiveEligible(ours, theirs)
  })

  test('deletes and re-pushes on one side hold on the other', async () => {
    const [first, second] = [makeImage(), makeImage()]
    await on(startCore, async (client) => {
      await client.pushImage('a', first, 'v1')
      await client.pushImage('a', second, 'v2')
      expectStatus(await client.delete(`/v2/a/manifests/${first.manifest.descriptor.digest}`), 202)
    })
    await on(startDockerRegistry, async (client) => {
      expect((await client.get('/v2/a/manifests/v1')).status).toBe(404)
      await expectWhole(client, 'a', 'v2', second)
      await client.pushImage('a', first, 'v1')
      expectStatus(await client.delete(`/v2/a/manifests/${second.manifest.descriptor.digest}`), 202)
    })
    await on(startCore, async (client) => {
      await expectWhole(client, 'a', 'v1', first)
      expect((await client.get('/v2/a/manifests/v2')).status).toBe(404)
      await client.pushImage('a', second, 'v2')
      expectStatus(await client.delete('/v2/a/manifests/v1'), 202)
      await client.pushImage('a', first, 'v1')
    })
    await on(startDockerRegistry, async (client) => {
      await expectWhole(client, 'a', 'v1', first)
      await expectWhole(client, 'a', 'v2', second)
    })
    await expectNothingLiveEligible(first, second)
  })

  test('sha512 content of either is served, mounted and deleted by the other', async () => {
    const image = makeImage({ algorithm: 'sha512' })
    const layer = randomLayer(5000, 'sha512') // written by docker-registry alone, in its own way
    await on(startCore, async (client) => {
      await client.pushImage('a', image, 'v1')
    })
    await on(startDockerRegistry, async (client) => {
      for (const { descriptor, bytes } of image.blobs)
        expect(await client.pullBlob('a', descriptor.digest)).toEqual(bytes)
      await client.pushBlob('b', layer)
    })
    await on(startCore, async (client) => {
      const { digest } = layer.descriptor
      expect(await client.pullBlob('b', digest)).toEqual(layer.bytes)
      const mount = await client.post(`/v2/c/blobs/uploads/?mount=${digest}&from=b`)
      expect(mount.status).toBe(201)
      expect(await client.pullBlob('c', digest)).toEqual(layer.bytes)
      expectStatus(await client.delete(`/v2/b/blobs/${digest}`), 202)
      expect((await client.get(`/v2/b/blobs/${digest}`)).status).toBe(404)
      await client.pushBlob('b', layer)
      expect(await client.pullBlob('b', digest)).toEqual(layer.bytes)
      await expectWhole(client, 'a', 'v1', image)
    })
    await on(startDockerRegistry, async (client) => {
      expect(await client.pullBlob('b', layer.descriptor.digest)).toEqual(layer.bytes)
    })
    await expectNothingLiveEligible(image)
  })

  test('indexes, their children and a shared layer stay whole over three changes of hands', async () => {
    const children = [makeImage(), makeImage()]
    const index = makeIndex(children.map(({ manifest }) => manifest))
    await on(startDockerRegistry, async (client) => {
      for (const child of children) await client.pushImage('multi', child)
      await client.pushManifest('multi', index, 'latest')
    })
    await on(startCore, async (client) => {
      expect((await client.pullManifest('multi', 'latest')).bytes).toEqual(index.bytes)
      for (const child of children)
        await expectWhole(client, 'multi', child.manifest.descriptor.digest, child)
      await client.pushManifest('multi', index, 'again')
      expect((await client.head(`/v2/multi/blobs/${absentDigest()}`)).status).toBe(404)
    })
    await on(startDockerRegistry, async (client) => {
      expect((await client.pullManifest('multi', 'again')).bytes).toEqual(index.bytes)
    })
    await expectNothingLiveEligible({ manifest: index, blobs: [] }, ...children)
  })
})
