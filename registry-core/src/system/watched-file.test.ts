import { execFileSync } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from './clock.js'
import { watchFile } from './watched-file.js'

const folder = mkdtempSync(path.join(tmpdir(), 'e-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('what it holds is the same object until it holds something else', () => {
  const file = path.join(folder, 'users')
  const watched = watchFile(file, 100, systemClock)
  expect(watched.current()).toEqual({ text: undefined, fault: 'ENOENT' })
  writeFileSync(file, 'one')
  const first = watched.current()
  expect(first).toEqual({ text: 'one', fault: undefined })
  expect(watched.current()).toBe(first)
  writeFileSync(file, 'two') // as long, within the same moment
  expect(watched.current().text).toBe('two')
  rmSync(file)
  expect(watched.current().fault).toBe('ENOENT')
})

test('a mounted secret is a link to a link, and is swapped by a rename', () => {
  for (const name of ['a', 'b']) writeFileSync(path.join(folder, `secret-${name}`), name)
  const [link, next] = [path.join(folder, 'mounted'), path.join(folder, 'next')]
  symlinkSync('secret-a', link)
  const watched = watchFile(link, 100, systemClock)
  expect(watched.current().text).toBe('a')
  symlinkSync('secret-b', next)
  renameSync(next, link)
  expect(watched.current().text).toBe('b')
})

test('a file that is too large, or a folder, says so instead', () => {
  const file = path.join(folder, 'large')
  writeFileSync(file, 'x'.repeat(101))
  expect(watchFile(file, 100, systemClock).current().fault).toBe('EFBIG')
  expect(watchFile(folder, 100, systemClock).current().fault).toBe('EISDIR')
})

test('what is huge is not read, and a pipe that nobody writes to keeps nobody waiting', () => {
  const [huge, pipe] = [path.join(folder, 'huge'), path.join(folder, 'pipe')]
  writeFileSync(huge, '')
  truncateSync(huge, 2 ** 40)
  execFileSync('mkfifo', [pipe])
  expect(watchFile(huge, 100, systemClock).current()).toEqual({ text: undefined, fault: 'EFBIG' })
  expect(watchFile(pipe, 100, systemClock).current()).toEqual({ text: undefined, fault: 'no file' })
  expect(watchFile('/dev/zero', 100, systemClock).current().fault).toBe('no file')
})
