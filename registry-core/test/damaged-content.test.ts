import { beforeEach, expect, test } from '@jest/globals'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { openStore, type OpenedStore } from '#core/store/filesystem/open-store.js'
import { Keys } from '#core/store/keys.js'
import type { StoredContent } from '#core/store/store.js'
import { FakeClock } from './fake-clock.js'
import { seededRandom } from './seeded-chance.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SimulatedFs } from './simulated-fs.js'
import { fakeIdentity, STORE_ROOT } from './simulated-store.js'

const REPOSITORY = parseRepositoryName('a/b')
const X = Buffer.from('x')
const Y = Buffer.from('y')
const [ofX, ofY] = [digestOfBytes('sha256', X), digestOfBytes('sha256', Y)]
const ofX512 = digestOfBytes('sha512', X)
const keys = new Keys(STORE_ROOT)

let fs: SimulatedFs
let store: OpenedStore
let warnings: string[]

beforeEach(async () => {
  const clock = new FakeClock({ tickMs: 1 })
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  fs = new SimulatedFs(disk)
  warnings = []
  const random = seededRandom(1)
  const identity = fakeIdentity({ clock, random, boot: 'boot' })
  const warn = (_: object, sentence: string): number => warnings.push(sentence)
  const log = { info: () => undefined, warn, error: () => undefined }
  const parts = { fs, clock, random, identity, log }
  store = await openStore({ ...parts, root: STORE_ROOT, trySecondProcess: () => Promise.resolve(true) })
  await store.content.commitBytes(ofX, X)
  await store.content.commitBytes(ofY, Y)
})

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await fs.unlink(path)
  fs.createNow(path, bytes)
}

async function look(): Promise<StoredContent> {
  await store.links.publishLayer(REPOSITORY, ofX, ofX)
  const found = await store.content.look('layer', REPOSITORY, ofX)
  if (found === undefined) throw new Error('the blob is not here')
  return found
}

test('a layer link that holds the digest of another blob is damage, and said', async () => {
  await store.links.publishLayer(REPOSITORY, ofX, ofY)
  expect(await store.content.look('layer', REPOSITORY, ofX)).toBeUndefined()
  expect(warnings).toEqual(['a link holds the digest of another'])
})

test('a sha512 link may hold the sha256 of its bytes for a layer, not for a manifest', async () => {
  await store.links.publishLayer(REPOSITORY, ofX512, ofX)
  await store.links.publishRevision(REPOSITORY, ofX512)
  await write(keys.link('revision', REPOSITORY, ofX512), Buffer.from(ofX))
  expect(await store.content.look('layer', REPOSITORY, ofX512)).toMatchObject({ dataDigest: ofX })
  expect(await store.content.look('revision', REPOSITORY, ofX512)).toBeUndefined()
})

test('damaged bytes are quarantined together with the promise that they are right', async () => {
  const found = await look()
  await store.content.quarantine(found, 'a test')
  expect(fs.statNow(keys.data(ofX))).toBeUndefined()
  expect(fs.statNow(keys.lease(ofX))).toBeUndefined()
})

test('bytes that heal the damage just before it is taken away stay, with their lease', async () => {
  await write(keys.data(ofX), Buffer.from('?'))
  const damaged = await look()
  fs.beforeCall = ({ name, to }) => {
    if (name !== 'rename' || to?.includes('/quarantine/') !== true) return
    fs.beforeCall = () => undefined
    fs.disk.unlink(keys.data(ofX))
    fs.disk.write(fs.disk.createFile(keys.data(ofX)), X, 0)
    fs.disk.unlink(keys.lease(ofX))
    fs.disk.createFile(keys.lease(ofX))
  }
  await store.content.quarantine(damaged, 'a test')
  expect(fs.readNow(keys.data(ofX), 10)).toEqual(X)
  expect(store.content.isHashed(damaged)).toBe(true)
  expect(await fs.list(keys.quarantine(ofX))).toEqual([])
})

test('a damaged entry is left out of a list of referrers, and said', async () => {
  for (const digest of [ofX, ofY]) {
    await store.links.publishRevision(REPOSITORY, digest)
    await store.links.addReferrer(REPOSITORY, ofX512, digest, Buffer.from('{}'))
  }
  const folder = `${keys.referrers(REPOSITORY, ofX512)}/${ofX.slice(7, 9)}`
  await fs.unlink(`${folder}/${ofX.replace(':', '-')}`)
  await fs.makeDirectory(`${folder}/${ofX.replace(':', '-')}`)
  const found: string[] = []
  for await (const { referrer } of store.links.referrers(REPOSITORY, ofX512, undefined)) found.push(referrer)
  expect(found).toEqual([ofY])
  expect(warnings).toHaveLength(1)
})
