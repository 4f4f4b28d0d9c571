import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { packTar } from 'modern-tar'

import { readBackup } from './read-backup.js'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('what unpacks to more than is allowed is refused before it fills the disk', async () => {
  const entries = [
    { header: { name: 'entrepot-backup.json', size: 13 }, body: '{"format": 1}' },
    { header: { name: 'tables/audit/000000.ndjson', size: 100_000 }, body: 'x'.repeat(100_000) },
  ]
  const body = Readable.from([gzipSync(await packTar(entries))])
  await expect(readBackup(body, { folder, passphrase: undefined, mostBytes: 50_000 })).rejects.toMatchObject({
    ...{ failure: 'not-restorable', message: expect.stringContaining('more than 50000 bytes') },
  })
})

test('a client that leaves in the midst of it is no fault of the box', async () => {
  const body = Readable.from(
    (async function* () {
      yield Buffer.from('start')
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
    })(),
  )
  await expect(readBackup(body, { folder, passphrase: undefined })).rejects.toMatchObject({
    ...{ failure: 'not-restorable', status: 400 },
  })
})
