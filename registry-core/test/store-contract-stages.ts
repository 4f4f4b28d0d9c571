import { expect, test } from '@jest/globals'

import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import type { Stage } from '#core/store/store.js'

import { APP, body, bytesOf, digestOf, NEVER, OTHER, readLayer, type StoreBench } from './store-bench.js'

/** Upload sessions: one writer, resumable anywhere. */
export function stageTests({ store, another }: StoreBench): void {
  test('an upload grows request by request', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    expect(await store().stages.find(APP, upload)).toMatchObject({ upload, offset: 0 })
    await patch(store(), upload, bytesOf(1))
    expect(await store().stages.find(APP, upload)).toMatchObject({ offset: 3000 })
    await patch(store(), upload, bytesOf(2))
    const digest = digestOf(Buffer.concat([bytesOf(1), bytesOf(2)]))
    await (await claimed(store(), upload)).commit(digest)
    await store().links.publishLayer(APP, digest, digest)
    expect((await readLayer(store(), digest))?.length).toBe(6000)
    expect(await store().stages.find(APP, upload)).toBeUndefined()
  })

  test('an upload belongs to its repository', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    expect(await store().stages.find(OTHER, upload)).toBeUndefined()
    expect(await store().stages.claim(OTHER, upload, NEVER)).toBeUndefined()
    expect(await store().stages.abort(OTHER, upload)).toBe(false)
    expect(await store().stages.find(APP, upload)).toBeDefined()
  })

  test('an unknown upload is none, however it is written', async () => {
    for (const upload of ['', '..', 'x', '00000000-0000-4000-8000-000000000000', '../../store.json']) {
      expect(await store().stages.find(APP, upload)).toBeUndefined()
      expect(await store().stages.claim(APP, upload, NEVER)).toBeUndefined()
      expect(await store().stages.abort(APP, upload)).toBe(false)
    }
  })

  test('an upload cannot be committed under another digest, and is gone then', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    const stage = await claimed(store(), upload)
    await stage.append(body(bytesOf(1)))
    await expect(stage.commit(digestOf(bytesOf(2)))).rejects.toMatchObject({ failure: 'digest-mismatch' })
    expect(await store().stages.find(APP, upload)).toBeUndefined()
  })

  test('an upload that began as sha256 can be committed as sha512', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    await patch(store(), upload, bytesOf(1))
    const digest = digestOf(bytesOf(1), 'sha512')
    await (await claimed(store(), upload)).commit(digest)
    await store().links.publishLayer(APP, digest, digest)
    expect(await readLayer(store(), digest)).toEqual(bytesOf(1))
  })

  test('a body of another length than it announced does not count', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    await patch(store(), upload, bytesOf(1))
    const stage = await claimed(store(), upload)
    const appending = stage.append(body(bytesOf(2)), 5000)
    await expect(appending).rejects.toMatchObject({ failure: 'size-mismatch' })
    await stage.settle()
    expect(await store().stages.find(APP, upload)).toMatchObject({ offset: 3000 })
    await (await claimed(store(), upload)).commit(digestOf(bytesOf(1)))
  })

  test('what came before the body broke counts', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    const stage = await claimed(store(), upload)
    await expect(stage.append(broken(bytesOf(1)))).rejects.toThrow('the client left')
    await stage.settle()
    expect(await store().stages.find(APP, upload)).toMatchObject({ offset: 3000 })
  })

  test('another process goes on with an upload, again and again', async () => {
    const other = await another()
    const upload = await store().stages.begin(APP, 'sha256')
    for (const [number, one] of [store(), other, other, store(), other].entries())
      await patch(one, upload, bytesOf(number))
    const digest = digestOf(Buffer.concat([0, 1, 2, 3, 4].map((number) => bytesOf(number))))
    await (await claimed(store(), upload)).commit(digest)
    await store().links.publishLayer(APP, digest, digest)
    expect((await readLayer(other, digest))?.length).toBe(15_000)
    await other.close()
  })

  test('of two processes that write one upload, the later one wins and the bytes are its own', async () => {
    const other = await another()
    const upload = await store().stages.begin(APP, 'sha256')
    await patch(store(), upload, bytesOf(1))
    const slow = await claimed(store(), upload)
    await patch(other, upload, bytesOf(2))
    await expect(appendAndSettle(slow, bytesOf(3))).rejects.toMatchObject({
      failure: expect.stringMatching(/^upload-(?:taken-over|unknown)$/),
    })
    expect(await other.stages.find(APP, upload)).toMatchObject({ offset: 6000 })
    await (await claimed(other, upload)).commit(digestOf(Buffer.concat([bytesOf(1), bytesOf(2)])))
    await other.close()
  })

  test('a later request of the same process ends the one before it', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    const first = await claimed(store(), upload)
    const { isStalled, isOver } = stalledRequest(first)
    await isStalled
    await patch(store(), upload, bytesOf(2))
    await isOver
    expect(await store().stages.find(APP, upload)).toMatchObject({ offset: 6000 })
  })

  test('an aborted upload is gone; aborting it again changes nothing', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    await patch(store(), upload, bytesOf(1))
    expect(await store().stages.abort(APP, upload)).toBe(true)
    expect(await store().stages.abort(APP, upload)).toBe(false)
    expect(await store().stages.find(APP, upload)).toBeUndefined()
  })

  test('only uploads that were begun before the limit are purged', async () => {
    const upload = await store().stages.begin(APP, 'sha256')
    const begun = (await store().stages.find(APP, upload))?.startedAt.getTime() ?? 0
    expect(await store().stages.purge(new Date(begun - 1000), NEVER)).toBe(0)
    expect(await store().stages.countStale(new Date(begun - 1000), NEVER)).toBe(0)
    expect(await store().stages.countStale(new Date(begun + 1000), NEVER)).toBe(1)
    expect(await store().stages.purge(new Date(begun + 1000), NEVER)).toBe(1)
    expect(await store().stages.find(APP, upload)).toBeUndefined()
  })
}

async function claimed(store: OpenedStore, upload: string): Promise<Stage> {
  const stage = await store.stages.claim(APP, upload, NEVER)
  if (stage === undefined) throw new Error('the session is gone')
  return stage
}

async function patch(store: OpenedStore, upload: string, bytes: Buffer): Promise<void> {
  const stage = await claimed(store, upload)
  await stage.append(body(bytes), bytes.length)
  await stage.settle()
}

async function appendAndSettle(stage: Stage, bytes: Buffer): Promise<void> {
  try {
    await stage.append(body(bytes))
  } finally {
    await stage.settle()
  }
}

async function* broken(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes
  throw new Error('the client left')
}

/** A request whose client sends something and then nothing more, until another one takes its place. */
function stalledRequest(stage: Stage): { readonly isStalled: Promise<void>; readonly isOver: Promise<void> } {
  const { promise: isStalled, resolve: stall } = Promise.withResolvers<void>()
  async function* stalled(): AsyncIterable<Buffer> {
    yield bytesOf(1)
    stall()
    await new Promise(() => undefined)
  }
  async function serve(): Promise<void> {
    await expect(stage.append(stalled())).rejects.toMatchObject({ failure: 'upload-taken-over' })
    await stage.settle()
  }
  return { isStalled, isOver: serve() }
}
