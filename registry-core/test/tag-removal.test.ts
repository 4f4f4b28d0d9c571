import { dirname } from 'node:path'
import { beforeEach, expect, test } from '@jest/globals'

import { digestOfBytes } from '#core/oci/digest.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { Keys } from '#core/store/keys.js'
import type { TagCondition } from '#core/store/store.js'

import type { FakeClock } from './fake-clock.js'
import type { SimulatedFs } from './simulated-fs.js'
import { openAlone, type OpenedProcess, STORE_ROOT } from './simulated-store.js'

const DIGEST = digestOfBytes('sha256', Buffer.from('x'))
const APP = parseRepositoryName('team/app')
const TAG = parseTag('latest')
const DAY_MS = 24 * 60 * 60 * 1000
const keys = new Keys(STORE_ROOT)
const link = keys.tagLink(APP, TAG)
const entry = keys.tagIndexLink(APP, TAG, DIGEST)
const { folder: takes } = keys.takes(APP, TAG)

let clock: FakeClock
let fs: SimulatedFs
let process: OpenedProcess

beforeEach(async () => {
  ;({ clock, fs, core: process } = await openAlone())
  await process.store.links.publishTag(APP, TAG, DIGEST)
})

function condition(): TagCondition {
  const linkedAtMs = fs.statNow(link)?.mtimeMs ?? 0
  return { digest: DIGEST, linkedAtMs }
}

test('a push whose index entry a remover tidies away writes it again', async () => {
  fs.beforeCall = ({ name, path }) => {
    if (name === 'list' && path === takes) fs.disk.unlink(entry)
  }
  await process.store.links.publishTag(APP, TAG, DIGEST)
  expect(fs.readNow(entry, 100)?.toString()).toBe(DIGEST)
})

test('a push that a remover has crossed is published again, but not over one that was answered meanwhile', async () => {
  const newer = digestOfBytes('sha256', Buffer.from('newer'))
  let steps = 0
  fs.beforeCall = ({ name, path, to }) => {
    const isLook = name === 'list' && path === takes
    if (steps === 0 && isLook) {
      fs.disk.unlink(link) // its own value, which a remover has taken
      steps = 1
    } else if (steps === 1 && (name === 'link' || name === 'rename') && to === link) {
      fs.disk.write(fs.disk.createFile(link), Buffer.from(newer), 0)
      steps = 2
    }
  }
  expect(await process.store.links.publishTag(APP, TAG, DIGEST)).toBe(true)
  expect(steps).toBe(2)
  expect(await process.store.links.findTag(APP, TAG)).toBe(newer)
})

test('a remover that tidies away the index entry of a push that was answered meanwhile writes it again', async () => {
  fs.beforeCall = ({ name, path }) => {
    if (name !== 'unlink' || path !== entry || fs.disk.find(link) !== undefined) return
    fs.disk.makeDirectory(dirname(link))
    fs.disk.write(fs.disk.createFile(link), Buffer.from(DIGEST), 0)
  }
  expect(await process.store.links.removeTag(APP, TAG)).toBe(true)
  expect(await process.store.links.findTag(APP, TAG)).toBe(DIGEST)
  expect(fs.readNow(entry, 100)?.toString()).toBe(DIGEST)
})

test.each(['rename', 'syncDirectory'] as const)(
  'a take whose %s fails leaves no folder that readers wait for',
  async (name) => {
    fs.fail({
      code: 'EIO',
      times: 1,
      fits: (call) => call.name === name && (call.to ?? call.path).includes('/takes/'),
    })
    await expect(process.store.links.takeTag(APP, TAG, condition())).rejects.toMatchObject({ code: 'EIO' })
    expect(fs.disk.list(takes)).toEqual([])
  },
)

test('a take that fails before the rename leaves the tag', async () => {
  fs.fail({
    code: 'EIO',
    times: 1,
    fits: ({ name, to }) => name === 'rename' && to?.includes('/takes/') === true,
  })
  await expect(process.store.links.takeTag(APP, TAG, condition())).rejects.toMatchObject({ code: 'EIO' })
  expect(await process.store.links.findTag(APP, TAG)).toBe(DIGEST)
})

test('the takes of removers that were killed are gone after a day, with what lies in them', async () => {
  const { key } = keys.takes(APP, TAG)
  fs.disk.makeDirectory(`${takes}/${key}.killed-1`)
  fs.disk.makeDirectory(`${takes}/${key}.killed-2`)
  fs.disk.createFile(`${takes}/${key}.killed-2/link`)
  clock.step(DAY_MS)
  fs.disk.makeDirectory(`${takes}/${key}.working`)
  const limit = new Date(clock.now().getTime() - DAY_MS / 2)
  expect(await process.store.space.purgeTemporary(limit, new AbortController().signal)).toBe(2)
  expect(fs.disk.list(takes)?.map(({ name }) => name)).toEqual([`${key}.working`])
})
