import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import { openFolder } from './real-store.js'

const REPOSITORY = parseRepositoryName('team/app')
const BYTES = Buffer.from('some bytes')
const DIGEST = digestOfBytes('sha256', BYTES)
const HEX = DIGEST.slice('sha256:'.length)

let root = ''
let store: OpenedStore

beforeEach(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  store = await openFolder(root)
})

afterEach(async () => {
  await store.close()
  rmSync(root, { recursive: true, force: true })
})

test.each([
  ['the repository’s layers', 'repositories/team/app/_layers'],
  ['a layer', `repositories/team/app/_layers/sha256/${HEX}`],
  ['a revision', `repositories/team/app/_manifests/revisions/sha256/${HEX}`],
  ['a tag', 'repositories/team/app/_manifests/tags/v1'],
  ['a tag’s current', 'repositories/team/app/_manifests/tags/v1/current'],
  ['a blob', `blobs/sha256/${HEX.slice(0, 2)}/${HEX}`],
])('a file or a dead link where the folder of %s belongs does not stop a push', async (_what, place) => {
  const planted = path.join(root, 'docker/registry/v2', place)
  for (const plant of [
    () => writeFileSync(planted, 'no folder'),
    () => symlinkSync('/nowhere/at/all', planted),
  ]) {
    mkdirSync(path.dirname(planted), { recursive: true })
    rmSync(planted, { recursive: true, force: true })
    plant()
    await store.content.commitBytes(DIGEST, BYTES)
    await store.links.publishLayer(REPOSITORY, DIGEST, DIGEST)
    await store.links.publishRevision(REPOSITORY, DIGEST)
    await store.links.publishTag(REPOSITORY, parseTag('v1'), DIGEST)
    expect(await store.links.findTag(REPOSITORY, parseTag('v1'))).toBe(DIGEST)
    expect((await store.content.look('layer', REPOSITORY, DIGEST))?.sizeBytes).toBe(BYTES.length)
  }
})
