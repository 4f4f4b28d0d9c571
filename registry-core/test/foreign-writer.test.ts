import { beforeEach, expect, test } from '@jest/globals'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { findForeignWriter } from '#core/store/filesystem/start/foreign-writer.js'
import { Listings } from '#core/store/filesystem/listing.js'
import { Keys } from '#core/store/keys.js'
import { FakeClock, outcome, turn } from './fake-clock.js'
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
function writeRevision(number: number, repository = REPOSITORY): void {
  const digest = digestOfBytes('sha256', Buffer.from(String(number)))
  makeFolder(`${keys.repository(repository)}/_layers`)
  makeFolder(keys.linkFolder('revision', repository, digest))
  disk.write(disk.createFile(keys.link('revision', repository, digest)), Buffer.from(digest), 0)
}

beforeEach(() => {
  clock = new FakeClock({ tickMs: 1 })
  disk = new SimulatedDisk(() => clock.now())
  fs = new SimulatedFs(disk)
  for (let number = 0; number < REVISIONS; number += 1) writeRevision(number)
})

function find(markedAtMs: number, signal: AbortSignal): Promise<string | undefined> {
  const heal = (): Promise<boolean> => Promise.resolve(false)
  const listings = new Listings({ fs, clock })
  return findForeignWriter({ fs, keys, clock, listings, heal }, markedAtMs, signal)
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

test('the mark of a mirror is not foreign', async () => {
  const markedAtMs = clock.now().getTime()
  disk.createFile(keys.fetchedMark(REPOSITORY))
  expect(await find(markedAtMs, new AbortController().signal)).toBeUndefined()
})

test('the look at a store of many repositories rests after its first part, and ends at once when it is told to', async () => {
  const repositories = 400
  for (let number = 0; number < repositories; number += 1)
    writeRevision(number, parseRepositoryName(`other/${number}`))
  const markedAtMs = clock.now().getTime()
  const controller = new AbortController()
  const beforeCalls = fs.calls.length
  const stopped = find(markedAtMs, controller.signal)
  const reason = stopped.catch((error: unknown) => error)
  while (!clock.hasSleeper()) await turn()
  const firstPart = fs.calls.length - beforeCalls
  for (let rest = 0; rest < 10; rest += 1) {
    const before = fs.calls.length
    await clock.wakeNext()
    while (!clock.hasSleeper()) await turn()
    expect(fs.calls.length - before).toBeLessThan(firstPart / 10)
  }
  controller.abort(new Error('the process stops'))
  expect(await reason).toMatchObject({ message: 'the process stops' })
  writeRevision(repositories, parseRepositoryName('other/last'))
  const found = outcome(clock, find(markedAtMs, new AbortController().signal))
  expect(await found).toContain('other/last was not pushed through this program')
})
