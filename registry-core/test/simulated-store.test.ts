import { describe, expect, test } from '@jest/globals'

import type { OpenedStore } from '#core/store/filesystem/open-store.js'

import { FakeClock, outcome } from './fake-clock.js'
import { seededChance } from './seeded-chance.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SimulatedFs } from './simulated-fs.js'
import { openProcess, STORE_ROOT } from './simulated-store.js'
import { APP, body, bytesOf, digestOf, NEVER, putLayer, readLayer } from './store-bench.js'

function newDisk(clock: FakeClock): SimulatedDisk {
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  disk.syncDirectory('/')
  return disk
}

async function open(disk: SimulatedDisk, clock: FakeClock, seed: number, boot = 'boot0000') {
  const fs = new SimulatedFs(disk)
  const { store } = await outcome(clock, openProcess({ fs, clock, seed, boot }))
  return { fs, store }
}

async function patch(store: OpenedStore, upload: string, bytes: Buffer): Promise<void> {
  const stage = await store.stages.claim(APP, upload, NEVER)
  await stage?.append(body(bytes))
  await stage?.settle()
}

describe('the closing empty PUT of an upload', () => {
  test.each(['the same process', 'another process'])('reads no byte of the blob in %s', async (where) => {
    const clock = new FakeClock({ tickMs: 1 })
    const disk = newDisk(clock)
    const first = await open(disk, clock, 1)
    const last = where === 'the same process' ? first : await open(disk, clock, 2)
    const upload = await first.store.stages.begin(APP, 'sha256')
    await patch(first.store, upload, bytesOf(1))
    await patch(first.store, upload, bytesOf(2))
    const before = last.fs.calls.length
    const stage = await last.store.stages.claim(APP, upload, NEVER)
    await stage?.commit(digestOf(Buffer.concat([bytesOf(1), bytesOf(2)])))
    const reads = last.fs.calls
      .slice(before)
      .filter(({ name, path }) => name === 'read' && path.includes('data'))
    expect(reads).toEqual([])
  })

  test('reads them all after a power cut: what a state says of another boot is not trusted', async () => {
    const clock = new FakeClock({ tickMs: 1 })
    const disk = newDisk(clock)
    const first = await open(disk, clock, 1)
    const upload = await first.store.stages.begin(APP, 'sha256')
    await patch(first.store, upload, bytesOf(1))
    const last = await open(disk.clone(), clock, 2, 'boot0001')
    const stage = await last.store.stages.claim(APP, upload, NEVER)
    await stage?.commit(digestOf(bytesOf(1)))
    expect(last.fs.bytesRead).toBeGreaterThanOrEqual(3000)
  })
})

describe('a first start that dies', () => {
  async function callsOfStart(): Promise<number> {
    const clock = new FakeClock({ tickMs: 1 })
    return (await open(newDisk(clock), clock, 1)).fs.calls.length
  }

  test('at any of its calls, by kill or power cut, leaves a folder that opens and takes pushes', async () => {
    const calls = await callsOfStart()
    for (let at = 1; at <= calls; at += at < 40 || at > calls - 60 ? 1 : 53) {
      const clock = new FakeClock({ tickMs: 1 })
      const disk = newDisk(clock)
      const fs = new SimulatedFs(disk)
      fs.crashAt(at)
      void openProcess({ fs, clock, seed: 1, boot: 'boot0000' }).catch(() => undefined)
      await fs.died
      const found = [
        { disk: disk.clone(), boot: 'boot0000' },
        { disk: disk.afterPowerCut('ordered', seededChance(at)), boot: 'boot0001' },
        { disk: disk.afterPowerCut('weak', seededChance(at)), boot: 'boot0001' },
      ]
      for (const after of found) {
        const { store } = await open(after.disk, clock, 2, after.boot)
        expect({ at, warnings: store.warnings() }).toEqual({ at, warnings: [] })
        const digest = await putLayer(store, bytesOf(1))
        expect(await readLayer(store, digest)).toEqual(bytesOf(1))
        const later = await open(after.disk.afterPowerCut('weak', seededChance(at)), clock, 3, 'boot0002')
        expect({ at, bytes: await readLayer(later.store, digest) }).toEqual({ at, bytes: bytesOf(1) })
      }
    }
  }, 120_000)
})
