import { beforeEach, expect, test } from '@jest/globals'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { findForeignWriter } from '#core/store/filesystem/start/foreign-writer.js'
import { Listings } from '#core/store/filesystem/listing.js'
import { Keys } from '#core/store/keys.js'
import { FakeClock, turn } from './fake-clock.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SimulatedFs } from './simulated-fs.js'

const REPOSITORY = parseRepositoryName('many')
const REVISIONS = 2000
const keys = new Keys('/store')

let clock: FakeClock
let disk: SimulatedDisk
let fs: SimulatedFs

function makeFolder(path: string): void {
  const parts = path.split('/')
  for (let count = 2; count <= parts.length; count += 1) disk.makeDirectory(parts.slice(0, count).join('/'))
}

/** A revision as registry:2 writes it. */
function writeRevision(number: number): void {
  const digest = digestOfBytes('sha256', Buffer.from(String(number)))
  makeFolder(keys.linkFolder('revision', REPOSITORY, digest))
  disk.write(disk.createFile(keys.link('revision', REPOSITORY, digest)), Buffer.from(digest), 0)
}

beforeEach(() => {
  clock = new FakeClock({ tickMs: 1 })
  disk = new SimulatedDisk(() => clock.now())
  fs = new SimulatedFs(disk)
  makeFolder(`${keys.repository(REPOSITORY)}/_layers`)
  for (let number = 0; number < REVISIONS; number += 1) writeRevision(number)
})

function find(markedAtMs: number, signal: AbortSignal): Promise<string | undefined> {
  return findForeignWriter({ fs, keys, listings: new Listings({ fs, clock }) }, markedAtMs, signal)
}

test('the look at a large repository lets others run, and ends when it is told to', async () => {
  const controller = new AbortController()
  const stopped = turn().then(() => controller.abort(new Error('the process stops')))
  await expect(find(clock.now().getTime(), controller.signal)).rejects.toThrow('the process stops')
  await stopped
})

test('a revision that is newer than the marker and has no file of ours is foreign', async () => {
  const markedAtMs = clock.now().getTime()
  const { signal } = new AbortController()
  expect(await find(markedAtMs, signal)).toBeUndefined()
  writeRevision(REVISIONS)
  expect(await find(markedAtMs, signal)).toContain('was not pushed through this program')
})
