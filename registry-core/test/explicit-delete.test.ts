import { beforeEach, describe, expect, test } from '@jest/globals'

import { digestOfBytes } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { Keys } from '#core/store/keys.js'
import type { StoreObject } from '#core/store/store.js'

import type { SimulatedFs } from './simulated-fs.js'
import { openAlone, type OpenedProcess, STORE_ROOT } from './simulated-store.js'

const BYTES = Buffer.from('some bytes')
const DIGEST = digestOfBytes('sha256', BYTES)
const APP = parseRepositoryName('team/app')
const keys = new Keys(STORE_ROOT)

let fs: SimulatedFs
let process: OpenedProcess

beforeEach(async () => {
  ;({ fs, core: process } = await openAlone())
  await process.store.content.commitBytes(DIGEST, BYTES)
})

describe.each(['layer', 'revision'] as const)('an explicit DELETE of a %s', (kind) => {
  const object: StoreObject = { kind, repository: APP, digest: DIGEST }
  const { folder: trash } = keys.trash(object)

  beforeEach(() =>
    kind === 'layer'
      ? process.store.links.publishLayer(APP, DIGEST, DIGEST)
      : process.store.links.publishRevision(APP, DIGEST),
  )

  function remove(): Promise<boolean> {
    const { links } = process.store
    return kind === 'layer' ? links.removeLayer(APP, DIGEST) : links.removeRevision(APP, DIGEST)
  }

  test('succeeds when another one removes the folder before it is synced', async () => {
    const folder = keys.linkFolder(kind, APP, DIGEST)
    fs.beforeCall = ({ name, path }) => {
      if (name !== 'syncDirectory' || path !== folder) return
      for (const entry of fs.disk.list(folder) ?? []) fs.disk.unlink(`${folder}/${entry.name}`)
      fs.disk.removeDirectory(folder)
    }
    expect(await remove()).toBe(true)
    expect(fs.calls.filter(({ name }) => name === 'syncDirectory').map(({ path }) => path)).toContain(
      folder.slice(0, folder.lastIndexOf('/')),
    )
  })

  test('reaches what a collector has condemned: no reader brings it back', async () => {
    await process.store.trash.condemn(object, 'run-1')
    expect(await remove()).toBe(true)
    expect(fs.disk.list(trash)).toEqual([])
    expect(await process.store.content.look(kind, APP, DIGEST)).toBeUndefined()
    expect(await remove()).toBe(false)
  })

  test('stays done after a power cut, in trash too', async () => {
    await process.store.trash.condemn(object, 'run-1')
    await fs.syncDirectory(trash)
    await remove()
    const unlinked = fs.calls.findLastIndex(({ name, path }) => name === 'unlink' && path.startsWith(trash))
    const after = fs.calls.slice(unlinked).filter(({ name }) => name === 'syncDirectory')
    expect(after.map(({ path }) => path)).toContain(trash)
  })

  test('reaches what is condemned, or rescued, while it looks', async () => {
    await process.store.trash.condemn(object, 'run-1')
    let isRescued = false
    fs.beforeCall = ({ name, path }) => {
      if (name !== 'list' || path !== trash || isRescued) return
      isRescued = true
      for (const entry of fs.disk.list(trash) ?? [])
        fs.disk.rename(`${trash}/${entry.name}`, keys.place(object))
    }
    expect(await remove()).toBe(true)
    expect(fs.statNow(keys.place(object))).toBeUndefined()
  })

  test('writes when the link was made before it goes, wherever it lies', async () => {
    const linkAtMs = fs.statNow(keys.place(object))?.mtimeMs
    await process.store.trash.condemn(object, 'run-1')
    await remove()
    const [file] = fs.disk.list(`${keys.own}/runs`) ?? []
    const records = fs.readNow(`${keys.own}/runs/${file?.name}`, 10_000)?.toString()
    expect(records).toContain(`"linkAtMs":${linkAtMs}`)
  })
})
