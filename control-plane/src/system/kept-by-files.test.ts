import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { KeptByFiles } from './kept-by-files.js'

let folder: string
let files: readonly [string, string]
let reads: number
let kept: KeptByFiles<string>

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  files = [path.join(folder, 'one'), path.join(folder, 'two')]
  for (const file of files) writeFileSync(file, 'before')
  reads = 0
  kept = new KeptByFiles()
})
afterEach(() => rmSync(folder, { recursive: true }))

async function get(): Promise<string> {
  return kept.get(files, async () => {
    reads += 1
    return files.map((file) => readFileSync(file, 'utf8')).join(' ')
  })
}

/** Asks until the answer is kept: what has just been written is read each time. */
async function untilKept(): Promise<string> {
  for (;;) {
    const answer = await get()
    const before = reads
    await get()
    if (reads === before) return answer
    await turn()
  }
}

test('what was read is kept once its files are older than a tick', async () => {
  expect(await untilKept()).toBe('before before')
  const before = reads
  for (let n = 0; n < 3; n += 1) expect(await get()).toBe('before before')
  expect(reads).toBe(before)
})

test('a file of the same size and time in the place of another is seen at once', async () => {
  await untilKept()
  const { atime, mtime } = statSync(files[1])
  writeFileSync(`${files[1]}.new`, 'behind')
  utimesSync(`${files[1]}.new`, atime, mtime)
  renameSync(`${files[1]}.new`, files[1])
  expect(await get()).toBe('before behind')
})

test('one that is written over is seen at once, and again in the next moment', async () => {
  await untilKept()
  const { atime, mtime } = statSync(files[0])
  for (const text of ['behind', 'beside', 'become']) {
    writeFileSync(files[0], text)
    utimesSync(files[0], atime, mtime)
    expect(await get()).toBe(`${text} before`)
  }
})

test('what cannot be read is not kept, and one that is gone is seen', async () => {
  await untilKept()
  rmSync(files[0])
  await expect(get()).rejects.toMatchObject({ code: 'ENOENT' })
  writeFileSync(files[0], 'before')
  expect(await get()).toBe('before before')
})

test('what is replaced while it is read is read again', async () => {
  await untilKept() // so they are old enough
  const fresh = new KeptByFiles<string>()
  const answer = await fresh.get(files, async () => {
    writeFileSync(`${files[0]}.new`, 'behind')
    renameSync(`${files[0]}.new`, files[0])
    return 'what was'
  })
  expect([answer, await fresh.get(files, async () => 'what is')]).toEqual(['what was', 'what is'])
})
