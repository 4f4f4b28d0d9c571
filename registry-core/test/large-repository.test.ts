import { beforeEach, expect, test } from '@jest/globals'

import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import type { OriginSummary } from '#core/store/fetched.js'

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

/** What it says, and how often it looked at the disk for it. */
async function summary(): Promise<{ readonly found: OriginSummary; readonly looks: number }> {
  let looks = 0
  const { statNow } = fs
  fs.statNow = (path) => {
    looks += 1
    return statNow.call(fs, path)
  }
  try {
    return { found: await one.origins.summary(APP), looks }
  } finally {
    fs.statNow = statNow
  }
}

test('a push into a large repository costs no look at all that lies in it', async () => {
  expect((await summary()).looks).toBeGreaterThan(REVISIONS)
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

test('what is known of a large repository is asked for again with two looks', async () => {
  let last = await summary()
  for (let attempt = 0; attempt < 1000 && last.looks > 2; attempt += 1) last = await summary()
  expect(last.looks).toBe(2)
  expect(last.found).toMatchObject({ hasPushed: true, privateHosts: [] })
})
