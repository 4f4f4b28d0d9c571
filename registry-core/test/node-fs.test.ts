import fs, { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'

import { nodeFs } from '#core/store/node-fs.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})

afterEach(() => {
  jest.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

test('a small file is whole though the system writes less than asked', () => {
  const { writeSync } = fs
  jest
    .spyOn(fs, 'writeSync')
    .mockImplementationOnce((descriptor: number, data: string | NodeJS.ArrayBufferView) => {
      if (typeof data === 'string') throw new Error('bytes are written, no text')
      return writeSync(descriptor, data, 0, 3)
    })
  expect(nodeFs.createNow(path.join(folder, 'a'), Buffer.from('hello world'))).toBe(true)
  expect(readFileSync(path.join(folder, 'a'), 'utf8')).toBe('hello world')
})

test('a file that is closed twice does not close the one that got its number', async () => {
  const first = await nodeFs.create(path.join(folder, 'first'))
  await first.close()
  const second = await nodeFs.create(path.join(folder, 'second'))
  await first.close()
  await second.write([Buffer.from('still open')], 0)
  await second.close()
  expect(readFileSync(path.join(folder, 'second'), 'utf8')).toBe('still open')
})

test('a file that was closed is not read from the one that got its number', async () => {
  const first = await nodeFs.create(path.join(folder, 'first'))
  await first.close()
  const second = await nodeFs.create(path.join(folder, 'second'))
  await second.write([Buffer.from('second')], 0)
  await expect(first.read(Buffer.alloc(6), 0)).rejects.toHaveProperty('code')
  await second.close()
})
