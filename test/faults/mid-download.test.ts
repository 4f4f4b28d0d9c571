import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { type Download, download } from '../mirror/download.js'
import { getManifest, pullImage } from '../mirror/pulls.js'
import { eventually } from '../support/eventually.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { digestOf, type Image, makeImage } from '../support/images.js'
import { type Mirror, startMirror } from '../support/mirror.js'
import { expectStatus } from '../support/registry-client.js'
import { blobFolder, storeFolder } from './served.js'
import { memoryVolume } from './volumes.js'

const MIB = 1024 * 1024
const LAYER_BYTES = 8 * MIB
const REPOSITORY = 'org/img'

let upstream: FakeUpstream
let image: Image
let layer: string

beforeEach(async () => {
  upstream = await FakeUpstream.start()
  image = makeImage({ layers: 1, layerSizeBytes: LAYER_BYTES })
  upstream.hold(REPOSITORY, image, 'v1')
  layer = image.blobs.find(({ bytes }) => bytes.length >= LAYER_BYTES)?.descriptor.digest ?? ''
  upstream.fail({ on: 'blob', where: { reference: layer }, how: { bytesPerSecond: 2 * MIB } })
})
afterEach(() => upstream.close())

async function mirrorOn(root: string): Promise<Mirror & AsyncDisposable> {
  const mirror = await startMirror({ root, upstreams: [{ host: 'docker.io', at: upstream }] })
  return Object.assign(mirror, { [Symbol.asyncDispose]: () => mirror.remove() })
}

/** A client that has got almost half of the layer. */
async function halfway({ mirror, mirrorPort }: Mirror): Promise<Download> {
  expectStatus(await getManifest(mirror, REPOSITORY, 'v1'), 200)
  const client = await download(mirrorPort, `/v2/${REPOSITORY}/blobs/${layer}`)
  await client.until(2 * MIB)
  return client
}

/** Whether the client has the right bytes; throws when it has whole ones that are not. */
async function endOf(client: Download): Promise<'whole' | 'broken'> {
  const end = await client.ended
  if (end === 'whole' && digestOf(client.received()) !== layer) throw new Error('whole, and other bytes')
  return end
}

/** How often the upstream was asked for the layer. */
function askedFor(): number {
  return upstream.requests.filter(({ kind, reference }) => kind === 'blob' && reference === layer).length
}

test('a reload under a download, of a good and of a wrong file, ends nothing', async () => {
  using store = storeFolder()
  await using mirror = await mirrorOn(store.root)
  const client = await halfway(mirror)
  const { configFile, process } = mirror.core
  const before = readFileSync(configFile, 'utf8')
  const saidAfter = async (text: string, said: string): Promise<void> => {
    writeFileSync(configFile, text)
    process.signal('SIGHUP')
    await eventually(said, () => process.log().includes(said))
  }
  const changed = JSON.parse(before) as { mirrors: object }
  await saidAfter(
    JSON.stringify({ ...changed, mirrors: { ...changed.mirrors, freshFor: '7s' } }),
    'the configuration was read anew',
  )
  await saidAfter(JSON.stringify({ ...changed, mirrors: { upstreams: 'none' } }), 'mirrors.upstreams')
  expect(await endOf(client)).toBe('whole')
  await pullImage(mirror.mirror, [REPOSITORY, 'v1'], image)
  expect(askedFor()).toBe(1)
})

test('of two processes on one volume that fetch one layer, one goes on when the other is killed', async () => {
  using store = storeFolder()
  await using killed = await mirrorOn(store.root)
  await using other = await mirrorOn(store.root)
  const [broken, whole] = [await halfway(killed), await halfway(other)]
  killed.core.process.signal('SIGKILL')
  expect(await endOf(broken)).toBe('broken')
  expect(await endOf(whole)).toBe('whole')
  expect(askedFor()).toBe(2)
  await pullImage(other.connect(), [REPOSITORY, 'v1'], image)
  await killed.restart()
  await pullImage(killed.connect(), [REPOSITORY, 'v1'], image)
  expect(askedFor()).toBe(2)
  expect(digestOf(readFileSync(path.join(blobFolder(store.root, layer), 'data')))).toBe(layer)
})

test('a disk that is full from the middle of a download on: the client gets all, and nothing of it is kept', async () => {
  await using volume = await memoryVolume('size=64m')
  await using mirror = await mirrorOn(volume.root)
  const client = await halfway(mirror)
  const filler = path.join(volume.root, 'filler')
  expect(() => writeFileSync(filler, Buffer.alloc(64 * MIB))).toThrow('ENOSPC')
  expect(await endOf(client)).toBe('whole')
  expect(existsSync(path.join(blobFolder(volume.root, layer), 'data'))).toBe(false)
  await pullImage(mirror.connect(), [REPOSITORY, 'v1'], image)
  rmSync(filler)
  await pullImage(mirror.connect(), [REPOSITORY, 'v1'], image)
  const asked = askedFor()
  await pullImage(mirror.connect(), [REPOSITORY, 'v1'], image)
  expect(askedFor()).toBe(asked)
  expect(existsSync(path.join(blobFolder(volume.root, layer), 'data'))).toBe(true)
})
