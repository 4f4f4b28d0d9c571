import { beforeEach, expect, test } from '@jest/globals'

import { digestOfBytes } from '#core/oci/digest.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { commitFile } from '#core/store/filesystem/commit.js'
import { Durable } from '#core/store/filesystem/durable.js'
import { WriteHealth } from '#core/store/filesystem/write-health.js'
import { Keys } from '#core/store/keys.js'

import { seededChance, seededRandom } from './seeded-chance.js'
import type { SimulatedDisk } from './simulated-disk.js'
import type { Call } from './simulated-faults.js'
import type { SimulatedFs } from './simulated-fs.js'
import { openAlone, type OpenedProcess, STORE_ROOT } from './simulated-store.js'

const BYTES = Buffer.from('some bytes')
const DIGEST = digestOfBytes('sha256', BYTES)
const APP = parseRepositoryName('team/app')
const keys = new Keys(STORE_ROOT)

let fs: SimulatedFs
let durable: Durable
let process: OpenedProcess

beforeEach(async () => {
  const alone = await openAlone()
  const { clock } = alone
  ;({ fs, core: process } = alone)
  const random = seededRandom(2)
  const health = new WriteHealth(clock)
  durable = new Durable({ fs, root: keys.root, temporary: keys.temporary, random, clock, health })
})

/** What a person does with `rm -r`: the folder, or file, and all below it is gone at once. */
function removeByHand(disk: SimulatedDisk, target: string): void {
  for (const { path, kind } of disk.walk(target).toReversed())
    if (kind === 'directory') disk.removeDirectory(path)
    else disk.unlink(path)
}

/** Does something once, when the call is made that `fits`. */
function once(fits: (call: Call) => boolean, change: () => void): void {
  let isDone = false
  fs.beforeCall = (call) => {
    if (isDone || !fits(call)) return
    isDone = true
    change()
  }
}

function isSyncOf(folder: string): (call: Call) => boolean {
  return ({ name, path }) => name === 'syncDirectory' && path === folder
}

test('a repository that was removed by hand takes pushes again at once', async () => {
  const { links } = process.store
  await links.publishLayer(APP, DIGEST, DIGEST)
  await links.publishRevision(APP, DIGEST)
  removeByHand(fs.disk, `${keys.repositories}/team`)
  await links.publishLayer(APP, DIGEST, DIGEST)
  await links.publishRevision(APP, DIGEST)
  await links.publishTag(APP, parseTag('latest'), DIGEST)
  expect(fs.statNow(keys.link('layer', APP, DIGEST))).toBeDefined()
  expect(await links.findTag(APP, parseTag('latest'))).toBe(DIGEST)
})

test('the folders that are made anew are as durable as the first ones were', async () => {
  await durable.publish(`${keys.repositories}/team/app/_layers/file`, BYTES)
  removeByHand(fs.disk, `${keys.repositories}/team`)
  await durable.publish(`${keys.repositories}/team/app/_layers/file`, BYTES)
  for (let seed = 0; seed < 20; seed += 1) {
    const disk = fs.disk.afterPowerCut('weak', seededChance(seed))
    expect(disk.find(`${keys.repositories}/team/app/_layers/file`)).toBeDefined()
  }
})

test('a folder that is known to be durable is not synced again, unless it has gone', async () => {
  const layers = `${keys.repository(APP)}/_layers`
  await durable.makeFolder(layers)
  const before = fs.calls.length
  await durable.makeFolder(layers)
  expect(fs.calls.slice(before).map(({ name }) => name)).toEqual(['statNow'])
  removeByHand(fs.disk, keys.repository(APP))
  await durable.makeFolder(layers)
  expect(fs.statNow(layers)?.kind).toBe('directory')
})

test('a file that is taken away with its folder after the rename is published again', async () => {
  const path = keys.tagLink(APP, parseTag('latest'))
  const folder = keys.tagFolder(APP, parseTag('latest'))
  once(isSyncOf(`${folder}/current`), () => removeByHand(fs.disk, folder))
  await durable.publish(path, BYTES)
  expect(fs.readNow(path, 100)).toEqual(BYTES)
})

test('a publish gives up when its file is taken away each time', async () => {
  const folder = keys.tagFolder(APP, parseTag('latest'))
  fs.beforeCall = (call) => {
    if (isSyncOf(`${folder}/current`)(call)) removeByHand(fs.disk, folder)
  }
  await expect(durable.publish(`${folder}/current/link`, BYTES)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(fs.disk.list(keys.temporary)).toEqual([])
})

test('a commit whose lease and folder name vanish after the rename keeps what was renamed', async () => {
  const temporary = await durable.writeTemporary(BYTES)
  const folder = keys.blobFolder(DIGEST)
  once(isSyncOf(folder), () => {
    // A remover that tidies took the lease and the empty folder; somebody else has committed the same bytes since.
    fs.disk.unlink(keys.lease(DIGEST))
    fs.disk.rename(folder, `${folder}-away`)
  })
  const makesFolder = fs.beforeCall
  fs.beforeCall = (call) => {
    makesFolder(call)
    if (call.name === 'statNow' && call.path === keys.data(DIGEST) && fs.disk.find(`${folder}-away`))
      fs.disk.rename(`${folder}-away`, folder)
  }
  await commitFile({ keys, durable }, DIGEST, temporary, BYTES.length)
  expect(fs.readNow(keys.data(DIGEST), 100)).toEqual(BYTES)
  expect(fs.statNow(keys.lease(DIGEST))).toBeDefined()
})

test('a commit whose bytes are taken away after the rename says so at once, and leaves no lease', async () => {
  const temporary = await durable.writeTemporary(BYTES)
  const folder = keys.blobFolder(DIGEST)
  once(isSyncOf(folder), () => removeByHand(fs.disk, folder))
  const commit = commitFile({ keys, durable }, DIGEST, temporary, BYTES.length)
  await expect(commit).rejects.toMatchObject({ failure: 'storage-failing' })
  expect(fs.statNow(keys.lease(DIGEST))).toBeUndefined()
  expect(fs.calls.filter(({ name, to }) => name === 'rename' && to === keys.data(DIGEST))).toHaveLength(1)
})

test('a commit that finds its bytes there still has its own when they go', async () => {
  await process.store.content.commitBytes(DIGEST, BYTES)
  const temporary = await durable.writeTemporary(BYTES)
  const folder = keys.blobFolder(DIGEST)
  once(isSyncOf(folder), () => removeByHand(fs.disk, folder))
  await commitFile({ keys, durable }, DIGEST, temporary, BYTES.length)
  expect(fs.readNow(keys.data(DIGEST), 100)).toEqual(BYTES)
  expect(fs.disk.list(keys.temporary)).toEqual([])
})

test('what is restored from trash finds its folder made again when that is tidied away meanwhile', async () => {
  const { trash } = process.store
  const object = { kind: 'data', digest: DIGEST } as const
  await process.store.content.commitBytes(DIGEST, BYTES)
  await trash.condemn(object, 'run-1')
  once(
    ({ name }) => name === 'link',
    () => removeByHand(fs.disk, keys.blobFolder(DIGEST)),
  )
  for await (const name of trash.list()) await trash.settle(name, 'restore', object)
  expect(fs.readNow(keys.data(DIGEST), 100)).toEqual(BYTES)
})

const FROM = { host: 'quay.io', etag: undefined }

test('a repository that was removed by hand is marked as a mirror\u2019s again when one writes there', async () => {
  const { origins } = process.store
  await origins.publishRevision(APP, DIGEST, FROM)
  removeByHand(fs.disk, `${keys.repositories}/team`)
  expect(origins.wasMirrored(APP)).toBe(false)
  await origins.publishRevision(APP, DIGEST, FROM)
  expect(await origins.summary(APP)).toMatchObject({ privateHosts: ['quay.io'] })
  removeByHand(fs.disk, `${keys.repositories}/team`)
  await origins.publishTag(APP, parseTag('latest'), DIGEST, FROM)
  expect(origins.wasMirrored(APP)).toBe(true)
})

test('a mark that is removed by hand while a mirror writes is there when the mirror has written', async () => {
  const { origins } = process.store
  const note = `${keys.linkFolder('revision', APP, DIGEST)}/upstream`
  once(
    ({ name, to }) => name === 'rename' && to === note,
    () => fs.disk.unlink(keys.fetchedMark(APP)),
  )
  await origins.publishRevision(APP, DIGEST, FROM)
  expect(origins.wasMirrored(APP)).toBe(true)
})

test('the mark of a mirror is durable before its first note is, and costs one look afterwards', async () => {
  const { origins } = process.store
  const mark = keys.fetchedMark(APP)
  let wasDurable = 0
  fs.beforeCall = ({ name, to }) => {
    if (name !== 'rename' || !to?.endsWith('/upstream')) return
    const disks = Array.from({ length: 20 }, (_, seed) => fs.disk.afterPowerCut('weak', seededChance(seed)))
    if (disks.every((disk) => disk.find(mark) !== undefined)) wasDurable += 1
  }
  await origins.publishRevision(APP, DIGEST, FROM)
  expect(wasDurable).toBe(1)
  const before = fs.calls.length
  await durable.makeMark(mark)
  await durable.makeMark(mark)
  expect(fs.calls.slice(before).at(-1)).toMatchObject({ name: 'statNow', path: mark })
})
