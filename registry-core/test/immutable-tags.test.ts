import { beforeEach, expect, test } from '@jest/globals'

import { digestOfBytes } from '#core/oci/digest.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { Keys } from '#core/store/keys.js'

import { FakeClock } from './fake-clock.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SimulatedFs } from './simulated-fs.js'
import { openProcess, type OpenedProcess, STORE_ROOT } from './simulated-store.js'

const APP = parseRepositoryName('team/app')
const TAG = parseTag('v1')
const DIGESTS = Array.from({ length: 8 }, (_, n) => digestOfBytes('sha256', Buffer.from(`${n}`)))
const [ONE = digestOfBytes('sha256', Buffer.from('1')), TWO = ONE] = DIGESTS
const link = new Keys(STORE_ROOT).tagLink(APP, TAG)

let clock: FakeClock
let disk: SimulatedDisk
let processes: readonly OpenedProcess[]

beforeEach(async () => {
  clock = new FakeClock({ tickMs: 1 })
  disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  const open = (seed: number) => openProcess({ fs: new SimulatedFs(disk), clock, seed, boot: 'boot0000' })
  processes = [await open(1), await open(2)]
})

function publish(process: number, digest: typeof ONE): Promise<boolean | undefined> {
  return Promise.resolve(processes[process]?.store.links.publishTag(APP, TAG, digest, true))
}

test('a tag that is pushed once keeps its digest; the same again is fine, another is refused', async () => {
  expect(await publish(0, ONE)).toBe(true)
  expect(await publish(1, ONE)).toBe(true)
  expect(await publish(1, TWO)).toBe(false)
  expect(await processes[0]?.store.links.findTag(APP, TAG)).toBe(ONE)
})

test('of pushes at once in two processes exactly one is first', async () => {
  const won = await Promise.all(DIGESTS.map((digest, n) => publish(n % 2, digest)))
  expect(won.filter((isFirst) => isFirst === true)).toHaveLength(1)
  expect(await processes[0]?.store.links.findTag(APP, TAG)).toBe(DIGESTS[won.indexOf(true)])
})

test('a push of the same digest makes a removal that read the older link miss', async () => {
  await publish(0, ONE)
  const before = { digest: ONE, linkedAtMs: disk.stat(link)?.mtimeMs ?? 0 }
  await publish(1, ONE)
  expect(await processes[0]?.store.links.takeTag(APP, TAG, before)).toBe('changed')
  expect(await processes[0]?.store.links.findTag(APP, TAG)).toBe(ONE)
})

test('after a delete the tag may be pushed anew', async () => {
  await publish(0, ONE)
  await processes[0]?.store.links.removeTag(APP, TAG)
  expect(await publish(1, TWO)).toBe(true)
})

test('a damaged link is healed by a push', async () => {
  await publish(0, ONE)
  const fs = new SimulatedFs(disk)
  fs.unlinkNow(link)
  fs.createNow(link, Buffer.from(''))
  expect(await publish(1, TWO)).toBe(true)
  expect(await processes[0]?.store.links.findTag(APP, TAG)).toBe(TWO)
})
