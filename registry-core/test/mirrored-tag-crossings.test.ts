import { beforeEach, describe, expect, test } from '@jest/globals'

import { digestOfBytes } from '#core/oci/digest.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { originBytes } from '#core/store/filesystem/origin-file.js'
import { Keys } from '#core/store/keys.js'

import { FakeClock, turn } from './fake-clock.js'
import { SimulatedDisk } from './simulated-disk.js'
import type { Call } from './simulated-faults.js'
import { type Scheduling, SimulatedFs } from './simulated-fs.js'
import { type OpenedProcess, openProcess, STORE_ROOT } from './simulated-store.js'

const APP = parseRepositoryName('docker.io/library/app')
const TAG = parseTag('latest')
const OLD = digestOfBytes('sha256', Buffer.from('old'))
const NEW = digestOfBytes('sha256', Buffer.from('new'))
const PUSHED = digestOfBytes('sha256', Buffer.from('pushed'))
const FROM = { host: 'docker.io', etag: undefined }
const keys = new Keys(STORE_ROOT)
const LINK = keys.tagLink(APP, TAG)
const NOTE = keys.tagOrigin(APP, TAG)

/** Makes a process's calls one after the other, and stops it before one of them. */
class Stops implements Scheduling {
  #waiting: readonly { readonly call: Call; act(): void }[] = []

  schedule(call: Call, _process: SimulatedFs, act: () => void): void {
    this.#waiting = [...this.#waiting, { call, act }]
  }

  passing(): void {
    // What is synchronous happens at once.
  }

  /** Goes on until it is about to make a call that fits, or has nothing left to do. */
  async goUntil(fits: (call: Call) => boolean): Promise<void> {
    for (;;) {
      await turn()
      const [next, ...others] = this.#waiting
      if (next === undefined || fits(next.call)) return
      this.#waiting = others
      next.act()
    }
  }
}

interface Worker extends OpenedProcess {
  readonly fs: SimulatedFs
  readonly stops: Stops
}

let clock: FakeClock
let disk: SimulatedDisk

beforeEach(async () => {
  clock = new FakeClock({ tickMs: 1 })
  disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  disk.syncDirectory('/')
  const { store } = await startWorker(1)
  for (const digest of [OLD, NEW]) await store.origins.publishRevision(APP, digest, FROM)
  await store.origins.publishTag(APP, TAG, OLD, FROM)
})

/** Another process; `stopped`: its calls wait for `goUntil`. */
async function startWorker(seed: number, stopped?: 'stopped'): Promise<Worker> {
  const fs = new SimulatedFs(disk)
  const opened = await openProcess({ fs, clock, seed, boot: 'boot0000' })
  const stops = new Stops()
  if (stopped) fs.scheduling = stops
  return { ...opened, fs, stops }
}

const isMoveOf =
  (path: string) =>
  ({ name, to }: Call): boolean =>
    (name === 'rename' || name === 'link') && to === path
const isRemovalOf =
  (path: string) =>
  ({ name, path: from }: Call): boolean =>
    name === 'rename' && from === path
const isSyncOfLink = ({ name, path }: Call): boolean => name === 'syncDirectory' && LINK === `${path}/link`

describe('what only mirrors have written is a mirror\u2019s after a crash of all of them', () => {
  test('when two of them moved the tag at once', async () => {
    const [one, other] = [await startWorker(2, 'stopped'), await startWorker(3, 'stopped')]
    void one.store.origins.publishTag(APP, TAG, NEW, FROM)
    await one.stops.goUntil(isMoveOf(NOTE))
    void other.store.origins.publishTag(APP, TAG, NEW, FROM)
    await other.stops.goUntil(isMoveOf(LINK))
    await one.stops.goUntil(isMoveOf(LINK))
    await other.stops.goUntil(isSyncOfLink)
    const { store } = await startWorker(4)
    expect(await store.origins.findTag(APP, TAG)).toMatchObject({ host: 'docker.io' })
  })

  test('when one moved the tag while another one tidied what it had taken away', async () => {
    const [remover, mirror] = [await startWorker(2, 'stopped'), await startWorker(3, 'stopped')]
    const linkedAtMs = disk.stat(LINK)?.mtimeMs ?? 0
    void remover.store.links.takeTag(APP, TAG, { digest: OLD, linkedAtMs })
    await remover.stops.goUntil(isRemovalOf(NOTE))
    void mirror.store.origins.publishTag(APP, TAG, NEW, FROM)
    await mirror.stops.goUntil(isMoveOf(LINK))
    await remover.stops.goUntil(({ name }) => name === 'unlink')
    await mirror.stops.goUntil(isSyncOfLink)
    const { store } = await startWorker(4)
    expect(await store.links.findTag(APP, TAG)).toBe(NEW)
    expect(await store.origins.findTag(APP, TAG)).toMatchObject({ host: 'docker.io' })
  })
})

test('a push of the very digest that a mirror is putting there makes the tag a client\u2019s for good', async () => {
  const [mirror, client] = [await startWorker(2, 'stopped'), await startWorker(3, 'stopped')]
  const moved = mirror.store.origins.publishTag(APP, TAG, NEW, FROM)
  await mirror.stops.goUntil(isMoveOf(LINK))
  const pushed = client.store.links
    .publishRevision(APP, NEW)
    .then(() => client.store.links.publishTag(APP, TAG, NEW))
  await client.stops.goUntil(isSyncOfLink)
  await mirror.stops.goUntil(isSyncOfLink) // its link is over the client's now
  await client.stops.goUntil(() => false)
  expect(await pushed).toBe(true)
  await mirror.stops.goUntil(() => false)
  expect(await moved).toBe(false)
  const { store } = await startWorker(4)
  expect(await store.links.findTag(APP, TAG)).toBe(NEW)
  expect(await store.origins.findTag(APP, TAG)).toBeUndefined()
})

test('a push whose link was taken, and that finds a mirror\u2019s the moment after, is published again', async () => {
  const { store, fs } = await startWorker(2)
  const { folder: takes } = keys.takes(APP, TAG)
  let step = 0
  fs.beforeCall = ({ name, path }) => {
    if (step === 0 && name === 'list' && path === takes) {
      disk.unlink(LINK) // a remover that had announced it before
      step = 1
    } else if (step > 0 && name === 'statNow' && path === LINK) {
      step += 1
      if (step !== 3) return
      const time = clock.now()
      for (const [file, bytes] of [
        [NOTE, originBytes(FROM, { digest: NEW, previous: undefined })],
        [LINK, Buffer.from(NEW)],
      ] as const) {
        disk.write(disk.createFile(file), bytes, 0)
        disk.touch(file, time)
      }
    }
  }
  await store.links.publishRevision(APP, PUSHED)
  expect(await store.links.publishTag(APP, TAG, PUSHED)).toBe(true)
  expect(step).toBeGreaterThanOrEqual(3)
  expect(await store.links.findTag(APP, TAG)).toBe(PUSHED)
  expect(await store.origins.findTag(APP, TAG)).toBeUndefined()
})
