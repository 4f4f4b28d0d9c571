import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import {
  APP,
  body,
  bytesOf,
  dataPath,
  digestOf,
  LATEST,
  NEVER,
  OTHER,
  putLayer,
  putRevision,
  readLayer,
  RUN,
  stageBytes,
  type StoreBench,
  type StoreUnderTest,
} from './store-bench.js'
import { linkTests } from './store-contract-links.js'
import { originTests } from './store-contract-origins.js'
import { partialTests } from './store-contract-partials.js'
import { stageTests } from './store-contract-stages.js'

/** What every store must do, whatever it stands on. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`a store (${name})`, () => {
    let tried: StoreUnderTest
    beforeEach(async () => {
      tried = await open()
    })
    afterEach(() => tried.remove())
    const bench: StoreBench = {
      store: () => tried.store,
      another: () => tried.another(),
      damage: (path, bytes) => tried.damage(path, bytes),
    }
    describe('content', () => contentTests(bench))
    describe('upload sessions', () => stageTests(bench))
    describe('links', () => linkTests(bench))
    describe('origins', () => originTests(bench))
    describe('partials', () => partialTests(bench))
    describe('trash', () => trashTests(bench))
    describe('space, journal and records', () => otherTests(bench))
  })
}

function contentTests({ store, damage }: StoreBench): void {
  test('bytes are visible where they are linked, and only there', async () => {
    const digest = await putLayer(store(), bytesOf(1))
    expect(await readLayer(store(), digest)).toEqual(bytesOf(1))
    expect(await store().content.look('layer', OTHER, digest)).toBeUndefined()
    expect(await store().content.look('revision', APP, digest)).toBeUndefined()
  })

  test('what nobody has linked is not visible', async () => {
    const digest = await stageBytes(store(), bytesOf(1))
    expect(await store().content.look('layer', APP, digest)).toBeUndefined()
    expect(await store().content.promise('layer', APP, digest)).toBeUndefined()
  })

  test('a part of the bytes is read, up to its last one', async () => {
    const digest = await putLayer(store(), bytesOf(1))
    const found = await store().content.look('layer', APP, digest)
    expect(found).toMatchObject({ digest, dataDigest: digest, sizeBytes: 3000 })
    if (found === undefined) return
    expect(store().content.isHashed(found)).toBe(true)
    const part = await Array.fromAsync(store().content.read(found, 10, 19, NEVER))
    expect(Buffer.concat(part)).toEqual(bytesOf(1).subarray(10, 20))
    expect(store().content.pathForFront(found)).toBe(
      dataPath(digest).replace('docker/registry/v2/blobs/', ''),
    )
  })

  test('a reader that gives up is let go', async () => {
    const digest = await putLayer(store(), bytesOf(1))
    const found = await store().content.look('layer', APP, digest)
    if (found === undefined) throw new Error('the blob is not there')
    const reading = Array.fromAsync(store().content.read(found, 0, 2999, AbortSignal.abort()))
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('damaged bytes of a manifest are never answered, and pushing them again heals', async () => {
    const digest = await putRevision(store(), bytesOf(2))
    await damage(dataPath(digest), bytesOf(3))
    const found = await store().content.look('revision', APP, digest)
    expect(found && (await store().content.readVerified(found, 10_000))).toBeUndefined()
    expect(await store().content.look('revision', APP, digest)).toBeUndefined()
    await putRevision(store(), bytesOf(2))
    const healed = await store().content.look('revision', APP, digest)
    expect(healed && (await store().content.readVerified(healed, 10_000))).toEqual(bytesOf(2))
  })

  test('what is larger than the limit is no manifest, and stays', async () => {
    const digest = await putRevision(store(), bytesOf(2))
    const found = await store().content.look('revision', APP, digest)
    expect(found && (await store().content.readVerified(found, 100))).toBeUndefined()
    expect(await store().content.look('revision', APP, digest)).toBeDefined()
  })

  test('empty bytes under a digest are no content, and an upload replaces bytes of another size', async () => {
    const digest = await putLayer(store(), bytesOf(1))
    await damage(dataPath(digest), Buffer.alloc(0))
    expect(await store().content.look('layer', APP, digest)).toBeUndefined()
    await damage(dataPath(digest), bytesOf(1, 100))
    await putLayer(store(), bytesOf(1))
    expect(await readLayer(store(), digest)).toEqual(bytesOf(1))
  })

  test('the empty blob is content', async () => {
    const digest = await putLayer(store(), Buffer.alloc(0))
    expect(await store().content.look('layer', APP, digest)).toMatchObject({ sizeBytes: 0 })
  })
}

function trashTests({ store }: StoreBench): void {
  test('what was condemned comes back when somebody looks', async () => {
    const digest = await putLayer(store(), bytesOf(1))
    const layer = { kind: 'layer', repository: APP, digest } as const
    expect(await store().trash.condemn(layer, RUN)).toBe(true)
    expect(await store().trash.condemn({ kind: 'data', digest }, RUN)).toBe(true)
    expect(await store().trash.condemn({ kind: 'data', digest }, RUN)).toBe(false)
    expect(await Array.fromAsync(store().trash.list())).toHaveLength(2)
    expect(await store().content.look('layer', APP, digest)).toMatchObject({ wasRescued: true })
    expect(await readLayer(store(), digest)).toEqual(bytesOf(1))
    expect(await Array.fromAsync(store().trash.list())).toEqual([])
  })

  test('what was destroyed is gone for good', async () => {
    const digest = await putLayer(store(), bytesOf(1))
    await store().trash.condemn({ kind: 'data', digest }, RUN)
    for (const name of await Array.fromAsync(store().trash.list()))
      await store().trash.settle(name, 'destroy', { kind: 'data', digest })
    expect(await store().content.look('layer', APP, digest)).toBeUndefined()
  })

  test('what is restored never covers what is fresh', async () => {
    const digest = await putLayer(store(), bytesOf(1))
    await store().trash.condemn({ kind: 'data', digest }, RUN)
    await putLayer(store(), bytesOf(1))
    const before = await store().content.look('layer', APP, digest)
    for (const name of await Array.fromAsync(store().trash.list()))
      await store().trash.settle(name, 'restore', { kind: 'data', digest })
    expect((await store().content.look('layer', APP, digest))?.stat.inode).toBe(before?.stat.inode)
    expect(await Array.fromAsync(store().trash.list())).toEqual([])
  })

  test('a DELETE is not undone by what lies in trash', async () => {
    const digest = await putLayer(store(), bytesOf(1))
    await store().trash.condemn({ kind: 'layer', repository: APP, digest }, RUN)
    await store().links.publishLayer(APP, digest, digest)
    expect(await store().links.removeLayer(APP, digest)).toBe(true)
    expect(await store().content.look('layer', APP, digest)).toBeUndefined()
  })
}

const ACTOR = { requestId: '1', remoteAddress: '', method: 'PUT', userAgent: '', account: '', origin: '' }

function otherTests({ store, another }: StoreBench): void {
  test('there is room for a little, and none for more than the disk has', async () => {
    await store().space.reserve(1)
    const free = await store().space.freeBytes()
    await expect(store().space.reserve(free)).rejects.toMatchObject({ failure: 'storage-full' })
  })

  test('temporary files are removed when they are old, not while they are young', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    const stage = await store().stages.claim(APP, upload, NEVER)
    await stage?.append(body(bytesOf(1)))
    expect(await store().space.purgeTemporary(new Date(0), NEVER)).toBe(0)
    await stage?.commit(digestOf(bytesOf(1)))
  })

  test('the journal tells, from a cursor on, what every process wrote', async () => {
    const event = { kind: 'tag-deleted', repository: APP, tag: LATEST } as const
    store().journal.append(event, ACTOR)
    await store().journal.flush()
    const first = await store().journal.read(undefined)
    expect(first?.entries.map((entry) => entry.event)).toEqual([event])
    const other = await another()
    other.journal.append({ ...event, repository: OTHER }, ACTOR)
    await other.journal.flush()
    const next = await store().journal.read(first?.cursor)
    expect(next?.entries.map((entry) => entry.event)).toEqual([{ ...event, repository: OTHER }])
    await other.close()
  })

  test('a cursor that names what is not kept is lost', async () => {
    const cursor = Buffer.from(JSON.stringify({ 'gone.ndjson': 5 })).toString('base64url')
    expect(await store().journal.read(cursor)).toBeUndefined()
  })

  test('a store keeps its id, and nothing is wrong with it', async () => {
    const other = await another()
    expect(other.id).toBe(store().id)
    expect(other.isNew).toBe(false)
    expect(other.warnings()).toEqual([])
    await other.close()
  })
}
