import { beforeEach, expect, test } from '@jest/globals'
import { watchWrites } from '#core/housekeeping/jobs.js'
import type { FaultCode } from './simulated-faults.js'
import type { SimulatedFs } from './simulated-fs.js'
import { openAlone, type OpenedProcess, silentLog, STORE_ROOT } from './simulated-store.js'

let fs: SimulatedFs
let core: OpenedProcess

beforeEach(async () => {
  ;({ fs, core } = await openAlone())
})

/** The job that runs each ten seconds. */
async function watch(): Promise<string | undefined> {
  await watchWrites(core.store, silentLog).run(new AbortController().signal)
  return core.store.refusal()
}

function failCreates(code: FaultCode): void {
  fs.fail({ code, fits: ({ name }) => name === 'create' })
}

test('a disk that turns read-only is said without a push, and is well again without one', async () => {
  expect(await watch()).toBeUndefined()
  failCreates('EROFS')
  expect(await watch()).toBe('the disk is mounted read-only')
  await expect(core.store.space.reserve(0)).rejects.toMatchObject({ failure: 'storage-failing' })
  fs.heal()
  expect(await watch()).toBeUndefined()
  await core.store.space.reserve(0)
})

test('a disk whose fsyncs have failed is well again without a push', async () => {
  fs.fail({ code: 'EIO', fits: ({ name }) => name.startsWith('sync') })
  for (let times = 0; times < 3; times += 1)
    await expect(core.store.records.add({ kind: 'test' })).rejects.toMatchObject({ code: 'EIO' })
  expect(await watch()).toContain('fsync fails')
  fs.heal()
  expect(await watch()).toBeUndefined()
})

test('a full disk, or a process without descriptors, is no disk that fails', async () => {
  for (const code of ['ENOSPC', 'EMFILE'] as const) {
    failCreates(code)
    expect(await watch()).toBeUndefined()
    fs.heal()
  }
})

test('a probe leaves nothing behind, and syncs nothing while all is well', async () => {
  const before = fs.calls.length
  await watch()
  expect(fs.calls.slice(before).filter(({ name }) => name.startsWith('sync'))).toEqual([])
  expect(await fs.list(`${STORE_ROOT}/entrepot/tmp`)).toEqual([])
})
