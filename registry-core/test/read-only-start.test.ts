import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { Fs } from '#core/store/fs.js'
import { nodeFs } from '#core/store/node-fs.js'
import { openFolder } from './real-store.js'

function readOnly(): Promise<never> {
  return Promise.reject(Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' }))
}

/** A disk that was mounted read-only after an error: what exists is said to exist, nothing new is taken. */
const readOnlyFs: Fs = {
  ...nodeFs,
  makeDirectory: (path) => (nodeFs.statNow(path) === undefined ? readOnly() : Promise.resolve(false)),
  create: readOnly,
  openToAppend: readOnly,
  openToWrite: readOnly,
  rename: readOnly,
  link: readOnly,
  unlink: readOnly,
  removeDirectory: readOnly,
}

test('a store on a disk that is mounted read-only opens, says so, and serves what it has', async () => {
  const root = mkdtempSync(join(tmpdir(), 'e-'))
  const before = await openFolder(root)
  await before.close()
  const store = await openFolder(root, { fs: readOnlyFs })
  expect(store.id).toBe(before.id)
  expect(store.warnings()).toEqual([expect.stringContaining('mounted read-only')])
  expect(await store.links.repositories(undefined, 10)).toEqual([])
  await store.close()
  rmSync(root, { recursive: true })
})
