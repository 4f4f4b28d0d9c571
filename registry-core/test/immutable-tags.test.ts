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
/** What the first process sees of it. */
let fs: SimulatedFs
let processes: readonly OpenedProcess[]

beforeEach(async () => {
  clock = new FakeClock({ tickMs: 1 })
  disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  fs = new SimulatedFs(disk)
  const boot = 'boot0000'
  processes = [
    await openProcess({ fs, clock, seed: 1, boot }),
    await openProcess({ fs: new SimulatedFs(disk), clock, seed: 2, boot }),
  ]
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

/** One change before the first process links its own, and one before each time that it looks at the link from then on. */
function beforeLooks(...changes: readonly (() => void)[]): void {
  const left = [...changes]
  let hasTried = false
  fs.beforeCall = ({ name, path, to }) => {
    const isTry = name === 'link' && to === link
    hasTried ||= isTry
    if (hasTried && (isTry || (name === 'statNow' && path === link))) left.shift()?.()
  }
}

function appear(digest: string): () => void {
  return () => void new SimulatedFs(disk).createNow(link, Buffer.from(digest))
}

function vanish(): void {
  disk.unlink(link)
}

test('a push that meets one which is deleted then does not replace the one after that', async () => {
  beforeLooks(appear(TWO), vanish, appear(ONE))
  expect(await publish(0, TWO)).toBe(false)
  expect(await processes[1]?.store.links.findTag(APP, TAG)).toBe(ONE)
})

test('a push that meets others which come and go is not answered as if it stood', async () => {
  beforeLooks(appear(ONE), vanish, () => undefined, appear(ONE), vanish)
  const isPushed = await publish(0, TWO)
  expect(await processes[1]?.store.links.findTag(APP, TAG)).toBe(isPushed === true ? TWO : ONE)
})

test('of two pushes that heal a damaged link exactly one is first', async () => {
  await publish(0, ONE)
  vanish()
  appear('')()
  let other: Promise<boolean | undefined> | undefined
  fs.scheduling = {
    passing: () => undefined,
    schedule({ name, path, to }, _process, act) {
      if (name !== 'rename' || other !== undefined || (path !== link && to !== link)) return act()
      other = publish(1, ONE)
      void other.finally(act)
    },
  }
  expect([await publish(0, TWO), await other]).toEqual([false, true])
  expect(await processes[1]?.store.links.findTag(APP, TAG)).toBe(ONE)
})

test.each([
  ['an empty file', () => appear('')()],
  ['a folder', () => void disk.makeDirectory(link)],
])('%s in place of the link is healed by a push', async (_what, damage) => {
  await publish(0, ONE)
  vanish()
  damage()
  expect(await publish(1, TWO)).toBe(true)
  expect(await processes[0]?.store.links.findTag(APP, TAG)).toBe(TWO)
})
