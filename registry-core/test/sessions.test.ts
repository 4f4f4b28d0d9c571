import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import type { Stage } from '#core/store/store.js'
import { openFolder } from './real-store.js'

const REPOSITORY = parseRepositoryName('team/app')
const FIRST = Buffer.alloc(100_000, 'first')
const SECOND = Buffer.alloc(50_000, 'second')

let root = ''
let stores: OpenedStore[] = []

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  rmSync(root, { recursive: true, force: true })
})

/** A store that is closed after the test. */
async function openProcess(): Promise<OpenedStore> {
  const store = await openFolder(root)
  stores = [...stores, store]
  return store
}

async function claimed(
  store: OpenedStore,
  upload: string,
  signal = new AbortController().signal,
): Promise<Stage> {
  const stage = await store.stages.claim(REPOSITORY, upload, signal)
  if (stage === undefined) throw new Error('there is no such session')
  return stage
}

async function* pieces(...all: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of all) yield Buffer.from(piece)
}

/** A session in which FIRST has been settled by `store`. */
async function settledUpload(store: OpenedStore): Promise<string> {
  const upload = await store.stages.begin(REPOSITORY, 'sha256')
  const stage = await claimed(store, upload)
  await stage.append(pieces(FIRST))
  await stage.settle()
  return upload
}

function committedBytes(bytes: Buffer): Buffer {
  const hex = digestOfBytes('sha256', bytes).slice('sha256:'.length)
  return readFileSync(path.join(root, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data'))
}

test('what another process still writes into is never committed', async () => {
  const [a, b] = [await openProcess(), await openProcess()]
  const upload = await settledUpload(a)
  const stillWriting = await claimed(a, upload) // goes on in the file that holds FIRST
  const arrival = Promise.withResolvers<Buffer>()
  const writing = stillWriting.append(
    (async function* () {
      yield Buffer.from(SECOND)
      yield await arrival.promise
    })(),
  )
  const closing = await claimed(b, upload)
  await closing.commit(digestOfBytes('sha256', FIRST))
  arrival.resolve(Buffer.from(SECOND))
  await writing
  await expect(stillWriting.settle()).rejects.toMatchObject({ failure: 'upload-taken-over' })
  expect(committedBytes(FIRST).equals(FIRST)).toBe(true)
})

test('the usual closing request of another process copies nothing', async () => {
  const [a, b] = [await openProcess(), await openProcess()]
  const upload = await settledUpload(a)
  const folder = path.join(root, 'entrepot/uploads', upload)
  const closing = await claimed(b, upload)
  expect(readdirSync(folder).filter((name) => name.startsWith('data.'))).toHaveLength(1)
  await closing.commit(digestOfBytes('sha256', FIRST))
  expect(committedBytes(FIRST).equals(FIRST)).toBe(true)
  expect(existsSync(folder)).toBe(false)
})

test('a writer that another process has overtaken is told so, and takes nothing from the one that goes on', async () => {
  const [a, b] = [await openProcess(), await openProcess()]
  for (const use of [
    (overtaken: Stage) => overtaken.append(pieces(SECOND)),
    (overtaken: Stage) => overtaken.commit(digestOfBytes('sha256', FIRST)),
  ]) {
    const upload = await settledUpload(a)
    const overtaken = await claimed(a, upload)
    const newer = await claimed(b, upload)
    await newer.append(pieces(SECOND))
    await newer.settle() // what was written before is a copy now, and the older file is gone
    await expect(use(overtaken)).rejects.toMatchObject({ failure: 'upload-taken-over' })
    await overtaken.settle().catch(() => undefined)
    expect(await b.stages.find(REPOSITORY, upload)).toMatchObject({ offset: FIRST.length + SECOND.length })
  }
})

test('a writer whose upload was ended by another process is told that there is none', async () => {
  const [a, b] = [await openProcess(), await openProcess()]
  const upload = await settledUpload(a)
  const writing = await claimed(a, upload)
  expect(await b.stages.abort(REPOSITORY, upload)).toBe(true)
  await expect(writing.append(pieces(SECOND))).rejects.toMatchObject({ failure: 'upload-unknown' })
})

test('a client that leaves while the prefix is copied finds its upload where it was', async () => {
  const [a, b] = [await openProcess(), await openProcess()]
  const upload = await settledUpload(a)
  const leaving = new AbortController()
  const stage = await claimed(b, upload, leaving.signal)
  leaving.abort()
  await expect(stage.append(pieces(SECOND))).rejects.toMatchObject({ failure: 'upload-taken-over' })
  await stage.settle()
  const again = await claimed(b, upload)
  expect(again.offset).toBe(FIRST.length)
  await again.append(pieces(SECOND))
  await again.commit(digestOfBytes('sha256', Buffer.concat([FIRST, SECOND])))
  const whole = Buffer.concat([FIRST, SECOND])
  expect(committedBytes(whole).equals(whole)).toBe(true)
})

test('a closing request that is overtaken while it reads leaves the upload whole', async () => {
  const a = await openProcess()
  const upload = await settledUpload(a)
  const leaving = new AbortController()
  const stage = await claimed(a, upload, leaving.signal)
  leaving.abort()
  // sha512 was not announced, so the bytes would be read again.
  await expect(stage.commit(digestOfBytes('sha512', FIRST))).rejects.toMatchObject({
    failure: 'upload-taken-over',
  })
  const again = await claimed(a, upload)
  await again.commit(digestOfBytes('sha256', FIRST))
  expect(committedBytes(FIRST).equals(FIRST)).toBe(true)
})

test('a wrong digest ends the upload, and nothing of it stays', async () => {
  const a = await openProcess()
  const upload = await settledUpload(a)
  const stage = await claimed(a, upload)
  await expect(stage.commit(digestOfBytes('sha256', SECOND))).rejects.toMatchObject({
    failure: 'digest-mismatch',
  })
  expect(await a.stages.find(REPOSITORY, upload)).toBeUndefined()
  expect(readdirSync(path.join(root, 'entrepot/uploads'))).toEqual([])
})

test('chunks that alternate between processes keep one copy of the bytes, not one each', async () => {
  const [a, b] = [await openProcess(), await openProcess()]
  const upload = await settledUpload(a)
  for (const store of [b, a, b, a]) {
    const stage = await claimed(store, upload)
    await stage.append(pieces(SECOND))
    await stage.settle()
  }
  const names = readdirSync(path.join(root, 'entrepot/uploads', upload))
  expect(names.filter((name) => name.startsWith('data.'))).toHaveLength(1)
  const whole = Buffer.concat([FIRST, SECOND, SECOND, SECOND, SECOND])
  await (await claimed(b, upload)).commit(digestOfBytes('sha256', whole))
  expect(committedBytes(whole).equals(whole)).toBe(true)
})

test.each(['data', 'next'])(
  'an upload goes on where a power cut took a claim and left the "%s" of its writer',
  async (kind) => {
    const [a, b] = [await openProcess(), await openProcess()]
    const upload = await settledUpload(a)
    const left = path.join(root, 'entrepot/uploads', upload, `${kind}.00000002`)
    writeFileSync(left, 'torn')
    const goingOn = await claimed(b, upload)
    expect(goingOn.offset).toBe(FIRST.length)
    await goingOn.append(pieces(SECOND))
    await goingOn.settle()
    expect(await b.stages.find(REPOSITORY, upload)).toMatchObject({ offset: FIRST.length + SECOND.length })
    const whole = Buffer.concat([FIRST, SECOND])
    await (await claimed(b, upload)).commit(digestOfBytes('sha256', whole))
    expect(committedBytes(whole).equals(whole)).toBe(true)
    expect(existsSync(path.dirname(left))).toBe(false)
  },
)

test('records that come at once share one file, which is closed with the store', async () => {
  const a = await openProcess()
  const before = readdirSync('/proc/self/fd').length
  await Promise.all([1, 2, 3, 4, 5].map((number) => a.records.add({ kind: 'test', number })))
  const files = readdirSync(path.join(root, 'entrepot/runs'))
  expect(files).toHaveLength(1)
  const lines = readFileSync(path.join(root, 'entrepot/runs', files[0] ?? ''), 'utf8')
    .trim()
    .split('\n')
  expect(lines.map((line) => (JSON.parse(line) as { number: number }).number)).toEqual([1, 2, 3, 4, 5])
  stores = []
  await a.close()
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before)
})
