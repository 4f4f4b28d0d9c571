import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import { Durable } from '#core/store/filesystem/durable.js'
import { becomeOnlyWriter } from '#core/store/filesystem/start/only-writer.js'
import { WriteHealth } from '#core/store/filesystem/write-health.js'
import type { Fs } from '#core/store/fs.js'
import { Keys } from '#core/store/keys.js'
import { nodeFs } from '#core/store/node-fs.js'
import { systemClock as clock } from '#core/system/clock.js'
import { openIdentity } from '#core/system/identity.js'
import { systemRandom as random } from '#core/system/random.js'
import { openFolder } from './real-store.js'

let root = ''

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const { boot } = openIdentity({ clock, random })

function onlyWriter(): string {
  mkdirSync(path.join(root, 'entrepot/tmp'), { recursive: true })
  return path.join(root, 'entrepot/only-writer')
}

function open(isShared: boolean, fs: Fs = nodeFs): Promise<OpenedStore> {
  return openFolder(root, { fs, trySecondProcess: async () => isShared })
}

test('where a second process sees other files, only one process may serve the store', async () => {
  const first = await open(false)
  expect(first.warnings().join()).toContain('a second process does not see the same files')
  await first.close()
  writeFileSync(onlyWriter(), `${process.ppid}-00000000 ${boot}`)
  await expect(open(false)).rejects.toThrow(`process ${process.ppid} serves this store already`)
  rmSync(onlyWriter())
  const next = await open(false)
  await next.close()
})

test('what a killed process with our own number has left, as in a container, does not hold the place', async () => {
  writeFileSync(onlyWriter(), `${process.pid}-00000000 ${boot}`)
  const store = await open(false)
  expect(readFileSync(onlyWriter(), 'utf8')).not.toContain('-00000000')
  await store.close()
})

test('of two starters that find the same stale file one wins', async () => {
  writeFileSync(onlyWriter(), '1-00000000 another-boot')
  const keys = new Keys(root)
  const health = new WriteHealth(clock)
  const parts = { root, temporary: keys.temporary, random, clock, health }
  const start = (fs: Fs, process: string): Promise<unknown> =>
    becomeOnlyWriter(
      {
        keys,
        durable: new Durable({ ...parts, fs }),
        identity: { process, boot, pidNamespace: boot, newRunId: random.uuid },
      },
      ['a test'],
    )
  let isFirst = true
  const slow = <A extends string[], T>(call: (...paths: A) => Promise<T>) => {
    return async (...paths: A): Promise<T> => {
      if (isFirst && paths[0] === onlyWriter()) {
        isFirst = false
        await start(nodeFs, `${process.ppid}-11111111`)
      }
      return call(...paths)
    }
  }
  const fs: Fs = { ...nodeFs, unlink: slow(nodeFs.unlink), rename: slow(nodeFs.rename) }
  await expect(start(fs, `${process.pid}-22222222`)).rejects.toThrow(
    `process ${process.ppid} serves this store`,
  )
  expect(readFileSync(onlyWriter(), 'utf8')).toContain('-11111111')
})

test('a file system without links is told so, and marked all the same', async () => {
  const noLink = (): Promise<never> => Promise.reject(Object.assign(new Error('EPERM'), { code: 'EPERM' }))
  const store = await open(true, { ...nodeFs, link: noLink })
  expect(store.isNew).toBe(true)
  expect(store.warnings().join()).toContain('link replaces files (EPERM)')
  expect(readdirSync(path.join(root, 'entrepot/tmp'))).toEqual([])
  await store.close()
  const again = await open(true)
  expect(again.id).toBe(store.id)
  await again.close()
})

test('a start that cannot mark the store leaves no temporary file', async () => {
  const fail = (): Promise<never> => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
  await expect(open(true, { ...nodeFs, link: fail })).rejects.toThrow('EIO')
  expect(readdirSync(path.join(root, 'entrepot/tmp'))).toEqual([])
})

test('a marker that says null is damaged', async () => {
  mkdirSync(path.join(root, 'entrepot'))
  writeFileSync(path.join(root, 'entrepot/store.json'), 'null')
  await expect(open(true)).rejects.toThrow('store.json is damaged')
})

test('on an ordinary file system two processes may', async () => {
  const stores = [await open(true), await open(true)]
  expect(stores.map((store) => store.warnings())).toEqual([[], []])
  expect(new Set(stores.map(({ id }) => id)).size).toBe(1)
  for (const store of stores) await store.close()
})

test('a store that the configuration does not name takes no pushes, and says so', async () => {
  const store = await open(true)
  const other = await openFolder(root, { expectedId: 'another' })
  expect(other.refusal()).toContain(
    `names the store another, this is ${store.id}: is the right disk mounted?`,
  )
  await expect(other.space.reserve(0)).rejects.toMatchObject({ failure: 'store-refused' })
  await store.close()
  await other.close()
})
