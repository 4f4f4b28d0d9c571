import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { expect, test } from '@jest/globals'

import { LogFiles } from './log-files.js'

test('a log is read no further than it was when reading began, and in parts', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const writeLine = (name = 'access.log') => appendFileSync(path.join(folder, name), 'a line\n')
  for (let line = 0; line < 5; line++) {
    writeLine('access.log.1')
    writeLine()
  }
  const files = new LogFiles({ folder, name: 'access.log', mostBytes: 1e6 })
  let lines = 0
  const takeAndWriteOn = (): void => {
    lines += 1
    writeLine()
  }
  const fourLines = 4 * 'a line\n'.length
  for (let part = 0; part < 3; part++)
    expect(await files.read(takeAndWriteOn, fourLines)).toEqual({ bytes: fourLines, isAll: false })
  expect(lines).toBe(12)
  expect(await files.read(() => undefined, 1e6)).toEqual({ bytes: 10 * 'a line\n'.length, isAll: true })
  rmSync(folder, { recursive: true })
})
