import { writeFileSync } from 'node:fs'
import { rm, statfs } from 'node:fs/promises'
import path from 'node:path'

import { expect, test } from '@jest/globals'

import { makeImage, randomLayer } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { type Answer, expectStatus, type RegistryClient } from '../support/registry-client.js'
import { leftOvers } from './left-overs.js'
import { EXT4 } from './needs.js'
import { errorOf, serve } from './served.js'
import { loopVolume, memoryVolume, type Volume } from './volumes.js'

const MIB = 1024 * 1024
const OCTETS = { 'content-type': 'application/octet-stream' }

/** Pushes until the disk takes no more; answers what was acknowledged, and the refusal. */
async function pushUntilRefused(
  client: RegistryClient,
  sizeBytes: number,
  limit = 2000,
): Promise<{ readonly pushed: readonly string[]; readonly refusal: Answer }> {
  const pushed: string[] = []
  for (let count = 0; count < limit; count += 1) {
    const { bytes, descriptor } = randomLayer(sizeBytes)
    const target = `/v2/disk/full/blobs/uploads/?digest=${descriptor.digest}`
    const answer = await client.post(target, bytes, OCTETS)
    if (answer.status !== 201) return { pushed, refusal: answer }
    pushed.push(descriptor.digest)
  }
  throw new Error(`${limit} blobs of ${sizeBytes} bytes, and the disk is not full`)
}

async function pullAll(client: RegistryClient, digests: readonly string[]): Promise<void> {
  for (const digest of digests) await client.pullBlob('disk/full', digest)
}

/** No reserve: the system itself shall be what refuses. */
const NO_RESERVE = { config: { store: { reserve: '0' } } }

async function fillsAndHeals(volume: Volume, sizeBytes: number): Promise<void> {
  await using served = await serve(volume.root, NO_RESERVE)
  const { client } = served
  const image = makeImage()
  await client.pushImage('disk/full', image, 'latest')
  const { pushed, refusal } = await pushUntilRefused(client, sizeBytes)
  expect([refusal.status, errorOf(refusal.body).code]).toEqual([507, 'UNAVAILABLE'])
  expect(leftOvers(volume.root)).toEqual([])

  // Many at once, each of which has some room when it begins.
  const small = Array.from({ length: 8 }, () => randomLayer(Math.ceil(sizeBytes / 4)))
  const answers = await Promise.all(
    small.map(({ bytes, descriptor }) =>
      client.post(`/v2/disk/full/blobs/uploads/?digest=${descriptor.digest}`, bytes, OCTETS),
    ),
  )
  for (const answer of answers) expectStatus(answer, 201, 507)
  expect(leftOvers(volume.root)).toEqual([])

  await pullAll(client, pushed)
  expect(await client.pullManifest('disk/full', 'latest')).toEqual(image.manifest)
  const manifest = await client.putManifest('disk/full', 'other', makeImage().manifest)
  expect([400, 507]).toContain(manifest.status) // its blobs are not there: whichever is seen first

  await client.delete(`/v2/disk/full/manifests/latest`)
  await rm(path.join(volume.root, 'ballast'))
  await client.pushImage('disk/full', makeImage(), 'latest')
  expect((await client.get('/readyz')).status).toBe(200)
  expect(leftOvers(volume.root)).toEqual([])
}

describeNeeding([EXT4], 'a disk that is full', () => {
  test('on ext4 refuses pushes with 507, serves what it holds, and takes pushes again when there is room', async () => {
    await using volume = await loopVolume('ext4', { mebibytes: 32 })
    writeFileSync(path.join(volume.root, 'ballast'), Buffer.alloc(4 * MIB))
    await fillsAndHeals(volume, MIB)
  }, 60_000)

  test('on tmpfs too', async () => {
    await using volume = await memoryVolume('size=16m')
    writeFileSync(path.join(volume.root, 'ballast'), Buffer.alloc(4 * MIB))
    await fillsAndHeals(volume, MIB)
  }, 60_000)

  test('a body that turns out too large while it comes is 507, and leaves nothing', async () => {
    await using volume = await memoryVolume('size=16m')
    await using served = await serve(volume.root)
    const { client } = served
    const location = await client.startUpload('disk/full')
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 64; count += 1) yield Buffer.alloc(MIB, count)
    }
    const answer = await client.patch(location, endless())
    expect([answer.status, errorOf(answer.body).code]).toEqual([507, 'UNAVAILABLE'])
    expect(leftOvers(volume.root)).toEqual([])
    const { bsize, blocks, bavail } = await statfs(volume.root)
    expect((blocks - bavail) * bsize).toBeLessThan(2 * MIB)
    await client.pushImage('disk/full', makeImage(), 'latest')
  }, 30_000)

  test('a reserve is kept: a push that would eat it is refused before its body is taken', async () => {
    await using volume = await memoryVolume('size=32m')
    await using served = await serve(volume.root, { config: { store: { reserve: '16m' } } })
    const { client } = served
    const { pushed, refusal } = await pushUntilRefused(client, 2 * MIB)
    expect(refusal.status).toBe(507)
    expect(errorOf(refusal.body).message).toMatch(/\d+ bytes are free, \d+ are needed/)
    const { bsize, bavail } = await statfs(volume.root)
    expect(bavail * bsize).toBeGreaterThan(16 * MIB - MIB)
    await pullAll(client, pushed)
  }, 30_000)

  test('a process that starts on a full disk serves what it holds, and takes pushes when there is room', async () => {
    await using volume = await memoryVolume('size=16m')
    const image = makeImage()
    const ballast = path.join(volume.root, 'ballast')
    {
      await using first = await serve(volume.root)
      await first.client.pushImage('disk/full', image, 'latest')
    }
    for (let left = 1; left > 0; ) {
      const { bsize, bavail } = await statfs(volume.root)
      left = bsize * bavail
      writeFileSync(ballast, Buffer.alloc(left), { flag: 'a' })
    }
    await using served = await serve(volume.root)
    const { client } = served
    expect(await client.pullManifest('disk/full', 'latest')).toEqual(image.manifest)
    await pullAll(
      client,
      image.blobs.map(({ descriptor }) => descriptor.digest),
    )
    const refusal = await client.post('/v2/disk/full/blobs/uploads/')
    expect([refusal.status, errorOf(refusal.body).code]).toEqual([507, 'UNAVAILABLE'])
    await rm(ballast)
    await client.pushImage('disk/full', makeImage(), 'latest')
    expect((await client.get('/readyz')).body.toString()).not.toContain('not safe')
  }, 30_000)

  test.each([
    ['ext4', () => loopVolume('ext4', { mebibytes: 64, format: ['-N', '1700'] })],
    ['tmpfs', () => memoryVolume('size=64m,nr_inodes=1600')],
  ] as const)(
    'without inodes %s refuses pushes with 507 too, and takes them again',
    async (_, open) => {
      await using volume = await open()
      await using served = await serve(volume.root, NO_RESERVE)
      const { client } = served
      const image = makeImage()
      await client.pushImage('disk/full', image, 'latest')
      const kept = randomLayer()
      await client.pushBlob('disk/full', kept)
      const { pushed, refusal } = await pushUntilRefused(client, 100)
      expect([refusal.status, errorOf(refusal.body).code]).toEqual([507, 'UNAVAILABLE'])
      await pullAll(client, [...pushed, kept.descriptor.digest])
      expect(await client.pullManifest('disk/full', 'latest')).toEqual(image.manifest)
      expect(leftOvers(volume.root)).toEqual([])
      for (const digest of pushed.slice(0, 5))
        expectStatus(await client.delete(`/v2/disk/full/blobs/${digest}`), 202)
      await client.pushBlob('disk/full', randomLayer())
      await pullAll(client, pushed.slice(5))
    },
    60_000,
  )
})
