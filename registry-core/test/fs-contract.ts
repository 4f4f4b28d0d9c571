import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import type { Fs, OpenFile } from '#core/store/fs.js'

import { type Bench, codeOf, put, textOf } from './fs-bench.js'
import { nameTests, symbolicLinkTests } from './fs-contract-names.js'

/** A file system under test with an empty folder of its own. */
export interface FsUnderTest {
  readonly fs: Fs
  readonly folder: string
  /** Makes a symbolic link there that leads to nothing in particular. */
  plantLink(target: string): Promise<void>
  remove(): Promise<void>
}

/** What every `Fs` must answer; the real one shows that the simulated one tells the truth. */
export function fsContract(name: string, open: () => Promise<FsUnderTest>): void {
  describe(`the file system's calls (${name})`, () => {
    let tried: FsUnderTest
    beforeEach(async () => {
      tried = await open()
    })
    afterEach(() => tried.remove())
    const bench: Bench = {
      fs: () => tried.fs,
      at: (...parts) => path.join(tried.folder, ...parts),
      plantLink: (target) => tried.plantLink(target),
    }
    describe('of files', () => fileTests(bench))
    describe('of open files', () => openFileTests(bench))
    describe('of directories', () => directoryTests(bench))
    describe('of names', () => nameTests(bench))
    describe('of symbolic links', () => symbolicLinkTests(bench))
  })
}

async function opened(file: Promise<OpenFile | undefined>): Promise<OpenFile> {
  const found = await file
  if (found === undefined) throw new Error('the file is absent')
  return found
}

function fileTests({ fs, at }: Bench): void {
  test('a file holds what was written', async () => {
    await put(fs(), at('a'), 'hello')
    expect(textOf(fs(), at('a'))).toBe('hello')
    expect(fs().statNow(at('a'))).toMatchObject({ kind: 'file', sizeBytes: 5 })
  })

  test('what is absent is answered, not thrown', async () => {
    await put(fs(), at('file'), '')
    for (const target of [at('no'), at('no', 'no'), at('file', 'below')]) {
      expect(fs().statNow(target)).toBeUndefined()
      expect(fs().readNow(target, 10)).toBeUndefined()
      expect(fs().touchNow(target, new Date(0))).toBe(false)
      expect(await fs().openToRead(target)).toBeUndefined()
      expect(await fs().openToWrite(target)).toBeUndefined()
      expect(await fs().unlink(target)).toBe(false)
      expect(await fs().removeDirectory(target)).toBe('absent')
      expect(await fs().list(target)).toBeUndefined()
    }
  })

  test('a file that exists is not made again', async () => {
    await put(fs(), at('a'), 'first')
    await expect(fs().create(at('a'))).rejects.toMatchObject({ code: 'EEXIST' })
    expect(textOf(fs(), at('a'))).toBe('first')
  })

  test('a file is not made where a folder is missing or a file stands', async () => {
    await put(fs(), at('file'), '')
    await expect(fs().create(at('no', 'a'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs().openToAppend(at('no', 'a'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs().create(at('file', 'a'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  test('reading the whole of a file stops at the limit', async () => {
    await put(fs(), at('a'), 'hello')
    expect(codeOf(() => fs().readNow(at('a'), 4))).toBe('EFBIG')
    expect(fs().readNow(at('a'), 5)?.length).toBe(5)
  })

  test('a folder is no file', async () => {
    await fs().makeDirectory(at('d'))
    expect(codeOf(() => fs().readNow(at('d'), 10))).toBe('EINVAL')
    await expect(fs().openToRead(at('d'))).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(fs().openToWrite(at('d'))).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(fs().openToAppend(at('d'))).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(fs().create(at('d'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(fs().unlink(at('d'))).rejects.toMatchObject({ code: 'EISDIR' })
  })

  test('a time that was set is the time that is read, to the millisecond', async () => {
    await put(fs(), at('a'), 'x')
    const time = new Date('2026-02-03T04:05:06.789Z')
    expect(fs().touchNow(at('a'), time)).toBe(true)
    expect(Math.abs((fs().statNow(at('a'))?.mtimeMs ?? 0) - time.getTime())).toBeLessThan(1)
  })

  test('a rename and a second name leave the time of a file as it is', async () => {
    await put(fs(), at('a'), 'x')
    fs().touchNow(at('a'), new Date(1_000_000))
    await fs().rename(at('a'), at('b'))
    await fs().link(at('b'), at('c'))
    await fs().unlink(at('b'))
    expect(fs().statNow(at('c'))?.mtimeMs).toBe(1_000_000)
  })
}

function openFileTests({ fs, at }: Bench): void {
  test('several buffers land one after the other at their place', async () => {
    const file = await fs().create(at('a'))
    await file.write([Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cd')], 0)
    await file.write([Buffer.from('X')], 1)
    await file.write([Buffer.from('e')], 6)
    await file.close()
    expect(textOf(fs(), at('a'))).toBe('aXcd\0\0e')
  })

  test('a read answers less than asked only at the end', async () => {
    await put(fs(), at('a'), 'hello')
    const file = await opened(fs().openToRead(at('a')))
    const buffer = Buffer.alloc(4)
    expect(await file.read(buffer, 0)).toBe(4)
    expect(buffer.toString()).toBe('hell')
    expect(await file.read(buffer, 3)).toBe(2)
    expect(buffer.subarray(0, 2).toString()).toBe('lo')
    expect(await file.read(buffer, 5)).toBe(0)
    await file.close()
  })

  test('a file opened to read is not written, one opened to append is not read', async () => {
    await put(fs(), at('a'), 'x')
    const reader = await opened(fs().openToRead(at('a')))
    await expect(reader.write([Buffer.from('y')], 0)).rejects.toMatchObject({ code: 'EBADF' })
    await reader.close()
    const appender = await fs().openToAppend(at('a'))
    await expect(appender.read(Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'EBADF' })
    await appender.close()
  })

  test('a file opened to append grows at its end, whoever else writes', async () => {
    const one = await fs().openToAppend(at('log'))
    const two = await fs().openToAppend(at('log'))
    await one.write([Buffer.from('1')], 0)
    await two.write([Buffer.from('2')], 0)
    await one.write([Buffer.from('3')], 0)
    await one.close()
    await two.close()
    expect(textOf(fs(), at('log'))).toBe('123')
  })

  test('an existing file is written in place and cut', async () => {
    await put(fs(), at('a'), 'hello')
    const file = await opened(fs().openToWrite(at('a')))
    await file.write([Buffer.from('J')], 0)
    await file.truncate(3)
    expect((await file.stat()).sizeBytes).toBe(3)
    await file.truncate(5)
    await file.sync()
    await file.close()
    expect(textOf(fs(), at('a'))).toBe('Jel\0\0')
  })

  test('an open file goes on when its name has gone or means another file', async () => {
    await put(fs(), at('a'), 'old')
    const file = await opened(fs().openToWrite(at('a')))
    await put(fs(), at('b'), 'new')
    await fs().rename(at('b'), at('a'))
    await file.write([Buffer.from('OLD')], 0)
    const buffer = Buffer.alloc(3)
    await file.read(buffer, 0)
    await file.close()
    expect(buffer.toString()).toBe('OLD')
    expect(textOf(fs(), at('a'))).toBe('new')
  })
}

function directoryTests({ fs, at }: Bench): void {
  test('making a folder says whether it was made', async () => {
    expect(await fs().makeDirectory(at('d'))).toBe(true)
    expect(await fs().makeDirectory(at('d'))).toBe(false)
    expect(fs().statNow(at('d'))?.kind).toBe('directory')
  })

  test('a folder is not made below what is missing or a file', async () => {
    await put(fs(), at('file'), '')
    expect(await fs().makeDirectory(at('file'))).toBe(false)
    await expect(fs().makeDirectory(at('no', 'd'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs().makeDirectory(at('file', 'd'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  test('a listing names what is there, with its kind', async () => {
    await fs().makeDirectory(at('d'))
    await fs().makeDirectory(at('d', 'sub'))
    await put(fs(), at('d', 'file'), '')
    const entries = (await fs().list(at('d'))) ?? []
    expect(entries.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: 'file', kind: 'file' },
      { name: 'sub', kind: 'directory' },
    ])
  })

  test('only an empty folder is removed', async () => {
    await fs().makeDirectory(at('d'))
    await put(fs(), at('d', 'a'), '')
    expect(await fs().removeDirectory(at('d'))).toBe('not-empty')
    await fs().unlink(at('d', 'a'))
    expect(await fs().removeDirectory(at('d'))).toBe('removed')
    expect(await fs().removeDirectory(at('d'))).toBe('absent')
  })

  test('a sync needs a folder', async () => {
    await fs().makeDirectory(at('d'))
    await fs().syncDirectory(at('d'))
    await put(fs(), at('a'), '')
    await expect(fs().syncDirectory(at('no'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs().syncDirectory(at('a'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  test('the room on the disk is told', async () => {
    const { totalBytes, freeBytes } = await fs().space(at())
    expect(totalBytes).toBeGreaterThan(0)
    expect(freeBytes).toBeLessThanOrEqual(totalBytes)
  })
}
