import { beforeEach, expect, test } from '@jest/globals'

import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import { NO_MIRRORS } from '#core/mirror/mirrors.js'
import type { OriginSummary } from '#core/store/fetched.js'
import { HiddenContent } from '#core/views/hidden-content.js'

import type { SimulatedFs } from './simulated-fs.js'
import { openAlone, openProcess } from './simulated-store.js'
import { APP, bytesOf, digestOf, putRevision } from './store-bench.js'

const REVISIONS = 300
const QUAY = { host: 'quay.io', etag: undefined }

let fs: SimulatedFs
let one: OpenedStore
let other: OpenedStore

beforeEach(async () => {
  const alone = await openAlone()
  ;({ fs } = alone)
  one = alone.core.store
  ;({ store: other } = await openProcess({ fs, clock: alone.clock, seed: 2, boot: 'boot0000' }))
  for (let seed = 1; seed <= REVISIONS; seed += 1) await putRevision(one, bytesOf(seed, 50))
})

/** What is answered, and how often the disk was looked at for it. */
async function looking<T>(ask: () => T | Promise<T>): Promise<{ readonly found: T; readonly looks: number }> {
  let looks = 0
  const { statNow } = fs
  fs.statNow = (path) => {
    looks += 1
    return statNow.call(fs, path)
  }
  try {
    return { found: await ask(), looks }
  } finally {
    fs.statNow = statNow
  }
}

function summary(): Promise<{ readonly found: OriginSummary; readonly looks: number }> {
  return looking(() => one.origins.summary(APP))
}

test('a large repository that no mirror has written to is for everybody by one look, also the first one', async () => {
  const hidden = new HiddenContent({ origins: one.origins, mirrors: NO_MIRRORS })
  expect(await looking(() => hidden.whatIsHidden(APP, () => false))).toEqual({ found: 'nothing', looks: 1 })
  expect(await looking(() => hidden.mayBeListed(APP, () => false))).toEqual({ found: true, looks: 1 })
  await other.origins.publishRevision(APP, digestOf(bytesOf(REVISIONS + 1, 50)), QUAY)
  expect(await hidden.whatIsHidden(APP, () => false)).toBe('revisions')
})

test('a push into a large repository costs no look at all that lies in it', async () => {
  expect((await summary()).looks).toBeLessThan(10)
  await putRevision(one, bytesOf(REVISIONS + 1, 50))
  const { found, looks } = await summary()
  expect(found).toMatchObject({ hasPushed: true, hasFetched: false })
  expect(looks).toBeLessThan(10)
})

test('what another process fetches into a large repository, or removes from it, is seen at once', async () => {
  await summary()
  const secret = bytesOf(REVISIONS + 1, 50)
  await other.origins.publishRevision(APP, digestOf(secret), QUAY)
  expect((await summary()).found).toMatchObject({ hasPushed: true, privateHosts: ['quay.io'] })
  await other.links.removeRevision(APP, digestOf(secret))
  expect((await summary()).found).toMatchObject({ hasPushed: true, privateHosts: [] })
})

test('where a mirror has written once all is looked at, and what it wrote is found behind what was pushed', async () => {
  expect(one.origins.wasMirrored(APP)).toBe(false)
  await other.origins.publishRevision(APP, digestOf(bytesOf(REVISIONS + 1, 50)), QUAY)
  expect(one.origins.wasMirrored(APP)).toBe(true)
  const { found, looks } = await summary()
  expect(found).toMatchObject({ hasPushed: true, hasFetched: true, privateHosts: ['quay.io'] })
  expect(looks).toBeGreaterThan(REVISIONS)
})

test('what is known of a large repository is asked for again with two looks', async () => {
  let last = await summary()
  for (let attempt = 0; attempt < 1000 && last.looks > 2; attempt += 1) last = await summary()
  expect(last.looks).toBe(2)
  expect(last.found).toMatchObject({ hasPushed: true, privateHosts: [] })
})
