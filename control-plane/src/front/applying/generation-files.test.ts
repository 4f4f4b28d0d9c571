import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { RenderedFile } from '@entrepot/front'

import { findDrift, writeGeneration } from './generation-files.js'
import { generationFolder } from './apply-places.js'
import { isSameFront } from './same-front.js'

let config: string
beforeEach(() => {
  config = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterEach(() => rmSync(config, { recursive: true }))

function filesOf(id: string, more = ''): readonly RenderedFile[] {
  const alias = `alias ${generationFolder({ config }, id)}/errors/;`
  return [
    { path: 'nginx.conf', mode: 0o644, text: `${alias} return 200 ${id};${more}` },
    { path: 'errors/400.json', mode: 0o644, text: '{}' },
    { path: 'registry.yml', mode: 0o600, text: `secret: ${id}\n` },
  ]
}

test('files are written with their modes, also where the umask takes them away', async () => {
  const before = process.umask(0o077)
  try {
    await writeGeneration({ config }, '1', filesOf('1'))
  } finally {
    process.umask(before)
  }
  const folder = generationFolder({ config }, '1')
  const modes = ['nginx.conf', 'registry.yml', 'sha256sums', 'errors', '.'].map(
    (name) => statSync(path.join(folder, name)).mode & 0o777,
  )
  expect(modes).toEqual([0o644, 0o600, 0o600, 0o755, 0o755])
})

test('digests beside them are those of sha256sum, and find what somebody changed', async () => {
  await writeGeneration({ config }, '1', filesOf('1'))
  const folder = generationFolder({ config }, '1')
  execFileSync('sha256sum', ['--check', '--quiet', 'sha256sums'], { cwd: folder })
  expect(await findDrift({ config }, '1')).toEqual([])
  writeFileSync(path.join(folder, 'registry.yml'), 'secret: other\n')
  expect(await findDrift({ config }, '1')).toEqual([{ path: 'registry.yml', what: 'changed' }])
  rmSync(path.join(folder, 'sha256sums'))
  expect(await findDrift({ config }, '1')).toEqual([{ path: 'sha256sums', what: 'missing' }])
})

test('a generation that is written again has nothing of before', async () => {
  await writeGeneration({ config }, '1', filesOf('1'))
  await writeGeneration({ config }, '1', filesOf('1').slice(0, 1))
  const folder = generationFolder({ config }, '1')
  expect(existsSync(path.join(folder, 'registry.yml'))).toBe(false)
  expect(readFileSync(path.join(folder, 'nginx.conf'), 'utf8')).toContain('return 200 1;')
})

test('two generations are one to nginx when they differ in their names and in what is the core’s', async () => {
  await writeGeneration({ config }, '1', filesOf('1'))
  expect(await isSameFront({ config }, { id: '22', files: filesOf('22') }, '1')).toBe(true)
  expect(await isSameFront({ config }, { id: '22', files: filesOf('22', ' #') }, '1')).toBe(false)
  const clients = { path: 'mirror-clients.pem', mode: 0o644, text: 'another authority' }
  expect(await isSameFront({ config }, { id: '22', files: [...filesOf('22'), clients] }, '1')).toBe(false)
  writeFileSync(path.join(generationFolder({ config }, '1'), 'errors/400.json'), '[]')
  expect(await isSameFront({ config }, { id: '22', files: filesOf('22') }, '1')).toBe(false)
  expect(await isSameFront({ config }, { id: '22', files: filesOf('22') }, 'gone')).toBe(false)
})
