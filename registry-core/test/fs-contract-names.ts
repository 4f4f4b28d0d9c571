import { expect, test } from '@jest/globals'

import { type Bench, codeOf, put, textOf } from './fs-bench.js'

/** Renames, second names, removals. */
export function nameTests({ fs, at }: Bench): void {
  test('a rename replaces what bears the name', async () => {
    await put(fs(), at('a'), 'new')
    await put(fs(), at('b'), 'old')
    await fs().rename(at('a'), at('b'))
    expect(textOf(fs(), at('b'))).toBe('new')
    expect(fs().statNow(at('a'))).toBeUndefined()
  })

  test('a rename of what is missing, or into a folder that is missing, fails', async () => {
    await put(fs(), at('a'), '')
    await expect(fs().rename(at('no'), at('b'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs().rename(at('a'), at('no', 'b'))).rejects.toMatchObject({ code: 'ENOENT' })
    expect(fs().statNow(at('a'))).toBeDefined()
  })

  test('a rename never mixes files and folders, nor fills a folder that has entries', async () => {
    await put(fs(), at('file'), '')
    await fs().makeDirectory(at('empty'))
    await fs().makeDirectory(at('full'))
    await put(fs(), at('full', 'a'), '')
    await expect(fs().rename(at('file'), at('empty'))).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(fs().rename(at('empty'), at('file'))).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(fs().rename(at('empty'), at('full'))).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    await fs().rename(at('full'), at('empty'))
    expect(fs().statNow(at('empty', 'a'))).toBeDefined()
  })

  test('a folder is not renamed into itself', async () => {
    await fs().makeDirectory(at('d'))
    await expect(fs().rename(at('d'), at('d', 'e'))).rejects.toMatchObject({ code: 'EINVAL' })
  })

  test('a rename between two names of one file leaves both', async () => {
    await put(fs(), at('a'), 'x')
    await fs().link(at('a'), at('b'))
    await fs().rename(at('a'), at('b'))
    expect(textOf(fs(), at('a'))).toBe('x')
    expect(textOf(fs(), at('b'))).toBe('x')
  })

  test('a second name never replaces', async () => {
    await put(fs(), at('a'), 'a')
    await put(fs(), at('b'), 'b')
    expect(await fs().link(at('a'), at('b'))).toBe('exists')
    expect(textOf(fs(), at('b'))).toBe('b')
    expect(await fs().link(at('a'), at('c'))).toBe('linked')
    expect(fs().statNow(at('c'))?.inode).toBe(fs().statNow(at('a'))?.inode)
    await fs().unlink(at('a'))
    expect(textOf(fs(), at('c'))).toBe('a')
  })

  test('a second name needs a file and a folder to stand in', async () => {
    await put(fs(), at('a'), '')
    await fs().makeDirectory(at('d'))
    await expect(fs().link(at('no'), at('b'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs().link(at('a'), at('no', 'b'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs().link(at('d'), at('e'))).rejects.toMatchObject({ code: 'EPERM' })
  })

  test('a name is removed once', async () => {
    await put(fs(), at('a'), '')
    expect(await fs().unlink(at('a'))).toBe(true)
    expect(await fs().unlink(at('a'))).toBe(false)
  })
}

/** What an attacker may have planted. */
export function symbolicLinkTests({ fs, at, plantLink }: Bench): void {
  test('a symbolic link is seen as such and never followed', async () => {
    await plantLink(at('s'))
    expect(fs().statNow(at('s'))?.kind).toBe('other')
    expect(await fs().list(at())).toEqual([{ name: 's', kind: 'other' }])
    expect(codeOf(() => fs().readNow(at('s'), 10))).toBe('EINVAL')
    await expect(fs().openToRead(at('s'))).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(fs().openToWrite(at('s'))).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(fs().openToAppend(at('s'))).rejects.toMatchObject({ code: 'ELOOP' })
    await expect(fs().create(at('s'))).rejects.toMatchObject({ code: 'EEXIST' })
  })

  test('a symbolic link is removed and replaced like a file', async () => {
    await plantLink(at('s'))
    await put(fs(), at('a'), 'x')
    await fs().rename(at('a'), at('s'))
    expect(textOf(fs(), at('s'))).toBe('x')
    await plantLink(at('t'))
    expect(await fs().unlink(at('t'))).toBe(true)
  })
}
