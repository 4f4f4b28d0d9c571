import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import { openFolder } from './real-store.js'

const REPOSITORY = parseRepositoryName('many')
const DIGEST = digestOfBytes('sha256', Buffer.from('x'))
const MANY = 1200

let root = ''
let tags = ''
let store: OpenedStore

/** Tags as they lie on disk, in a folder that has not changed for a while, so that its listing is kept. */
beforeEach(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  tags = path.join(root, 'docker/registry/v2/repositories/many/_manifests/tags')
  for (let number = 0; number < MANY; number += 1) writeTag(nameOf(number))
  settle()
  store = await openFolder(root)
})

afterEach(async () => {
  await store.close()
  rmSync(root, { recursive: true, force: true })
})

function nameOf(number: number): string {
  return `v${String(number).padStart(5, '0')}`
}

function writeTag(name: string): void {
  mkdirSync(path.join(tags, name, 'current'), { recursive: true })
  writeFileSync(path.join(tags, name, 'current/link'), DIGEST)
}

function settle(): void {
  utimesSync(tags, 1_600_000_000, 1_600_000_000)
}

async function listed(): Promise<readonly string[]> {
  return (await store.links.tags(REPOSITORY, undefined, Number.POSITIVE_INFINITY))?.tags ?? []
}

test('a folder without a link is not listed, and is as soon as it has one', async () => {
  mkdirSync(path.join(tags, 'w-later/current'), { recursive: true })
  settle()
  expect(await listed()).toHaveLength(MANY)
  writeFileSync(path.join(tags, 'w-later/current/link'), DIGEST)
  expect(await listed()).toContain('w-later')
})

test('a tag that is deleted leaves the whole list, and its page, at once', async () => {
  expect(await listed()).toHaveLength(MANY)
  expect(await store.links.removeTag(REPOSITORY, parseTag(nameOf(7)))).toBe(true)
  expect(await listed()).not.toContain(nameOf(7))
  const page = await store.links.tags(REPOSITORY, nameOf(6), 1)
  expect(page).toEqual({ tags: [nameOf(8)], more: true })
})

test('pages of any size put the whole list together again', async () => {
  const whole = await listed()
  for (const size of [1, 499, 501, 600, 5000]) {
    const together: string[] = []
    for (let last: string | undefined; ; last = together.at(-1)) {
      const page = await store.links.tags(REPOSITORY, last, size)
      together.push(...(page?.tags ?? []))
      if (page?.more !== true || size === 1) break
    }
    expect(together).toEqual(whole.slice(0, size === 1 ? 1 : MANY))
  }
})
