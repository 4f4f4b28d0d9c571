import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openStore, type OpenedStore } from '#core/store/filesystem/open-store.js'
import { nodeFs } from '#core/store/node-fs.js'
import { systemClock as clock } from '#core/system/clock.js'
import { openIdentity } from '#core/system/identity.js'
import { systemRandom as random } from '#core/system/random.js'

let root = ''

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

function open(isShared: boolean): Promise<OpenedStore> {
  return openStore({
    root,
    fs: nodeFs,
    clock,
    random,
    identity: openIdentity({ clock, random }),
    log: silent,
    trySecondProcess: async () => isShared,
  })
}

test('where a second process sees other files, only one process may serve the store', async () => {
  const first = await open(false)
  expect(first.warnings().join()).toContain('a second process does not see the same files')
  await expect(open(false)).rejects.toThrow(`process ${process.pid} serves this store already`)
  await first.close()
  const next = await open(false)
  await next.close()
})

test('on an ordinary file system two processes may', async () => {
  const stores = [await open(true), await open(true)]
  expect(stores.map((store) => store.warnings())).toEqual([[], []])
  expect(new Set(stores.map(({ id }) => id)).size).toBe(1)
  for (const store of stores) await store.close()
})

test('a store that the configuration does not name takes no pushes, and says so', async () => {
  const store = await open(true)
  const other = await openStore({
    root,
    fs: nodeFs,
    clock,
    random,
    identity: openIdentity({ clock, random }),
    log: silent,
    expectedId: 'another',
    trySecondProcess: async () => true,
  })
  expect(other.refusal()).toContain(
    `names the store another, this is ${store.id}: is the right disk mounted?`,
  )
  await expect(other.space.reserve(0)).rejects.toMatchObject({ failure: 'store-refused' })
  await store.close()
  await other.close()
})
