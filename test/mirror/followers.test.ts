import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { eventually } from '../support/eventually.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import { watchMemory } from '../support/memory.js'
import { type Mirror, startMirror } from '../support/mirror.js'
import { describeNeeding } from '../support/needs.js'
import { expectStatus } from '../support/registry-client.js'
import { download } from './download.js'
import { getManifest, pullImage } from './pulls.js'
import { useScene } from './scene.js'

const HUB = 'docker.io'
const MIB = 1024 * 1024

describe('clients that read slowly', () => {
  const scene = useScene({ hosts: { [HUB]: {} } })

  /** Where the only layer of an image lies, whose manifest is here already. */
  async function hold(
    repository: string,
    sizeBytes: number,
  ): Promise<readonly [target: string, bytes: Buffer]> {
    const image = makeImage({ layers: 1, layerSizeBytes: sizeBytes })
    scene.upstreams[HUB].hold(repository, image, 'v1')
    expectStatus(await getManifest(scene.mirror.mirror, repository, 'v1'), 200)
    const layer = image.blobs[1] ?? image.manifest
    return [`/v2/${repository}/blobs/${layer.descriptor.digest}`, layer.bytes]
  }

  test('hold nobody up, and get everything in the end', async () => {
    const [target, bytes] = await hold('slow/one', 16 * MIB)
    const slow = await download(scene.mirror.mirrorPort, target)
    slow.pause()
    const fast = await download(scene.mirror.mirrorPort, target)
    expect(await fast.ended).toBe('whole')
    expect(fast.received().equals(bytes)).toBe(true)
    slow.resume()
    expect(await slow.ended).toBe('whole')
    expect(slow.received().equals(bytes)).toBe(true)
    expect(scene.upstreams[HUB].count({ kind: 'blob', method: 'GET' })).toBe(1)
  })

  test('cost memory by what is being fetched, not by how many they are', async () => {
    const [target, bytes] = await hold('slow/many', 64 * MIB)
    const watch = watchMemory(scene.mirror.core.process.pid)
    const readers = await Promise.all(
      Array.from({ length: 40 }, () => download(scene.mirror.mirrorPort, target)),
    )
    for (const reader of readers) reader.pause()
    const fast = await download(scene.mirror.mirrorPort, target)
    expect(await fast.ended).toBe('whole')
    expect(fast.received().equals(bytes)).toBe(true)
    for (const reader of readers) reader.leave()
    expect(watch.peakMiB() - watch.beforeMiB).toBeLessThan(250) // the ring is 64 MiB
  })
})

describe('two processes on one folder', () => {
  let folder: string
  let hub: FakeUpstream
  let images: readonly Image[]
  let mirrors: readonly Mirror[]

  beforeEach(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    hub = await FakeUpstream.start()
    images = Array.from({ length: 10 }, () => makeImage({ layers: 2, layerSizeBytes: MIB }))
    for (const [at, image] of images.entries()) hub.hold(`shared/i${at}`, image, 'v1')
    const options = { upstreams: [{ host: HUB, at: hub }], root: path.join(folder, 'store') }
    mirrors = [await startMirror(options), await startMirror(options)]
  })
  afterEach(async () => {
    await Promise.all(mirrors.map((mirror) => mirror.remove()))
    await hub.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function pullAll(mirror: Mirror): Promise<void> {
    const client = mirror.connect()
    await Promise.all(images.map((image, at) => pullImage(client, [`shared/i${at}`, 'v1'], image)))
  }

  test('fetch the same images at once without harm, and have what the other one fetched', async () => {
    await Promise.all(mirrors.map(pullAll))
    for (const { blobs } of images)
      for (const { descriptor } of blobs)
        expect(hub.count({ reference: descriptor.digest, method: 'GET' })).toBeLessThanOrEqual(2)
    await hub.down()
    await Promise.all(mirrors.map(pullAll))
  })

  test('survive the death of one of them in the middle', async () => {
    const [one, other] = mirrors
    if (one === undefined || other === undefined) throw new Error('two were started')
    hub.bytesPerSecond = MIB
    const dying = pullAll(one).then(
      () => 'pulled',
      () => 'broken',
    )
    await eventually('some has come', () => hub.blobBytes > 5 * MIB)
    await one.restart('by kill -9')
    expect(await dying).toBe('broken')
    hub.bytesPerSecond = Number.POSITIVE_INFINITY
    await Promise.all([pullAll(one), pullAll(other)])
  })

  describeNeeding(
    [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
    'and the collector of docker-registry',
    () => {
      test('which would delete nothing of what they fetched', async () => {
        await Promise.all(mirrors.map(pullAll))
        expect(await eligibleBlobs(path.join(folder, 'store'))).toEqual([])
      })
    },
  )
})
