import { expect, test } from '@jest/globals'

import type { PartialContent } from '#core/store/fetched.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'

import { APP, bytesOf, digestOf, NEVER, readLayer, type StoreBench } from './store-bench.js'

const BYTES = bytesOf(1)
const DIGEST = digestOf(BYTES)

function open(store: OpenedStore): Promise<PartialContent> {
  return store.partials.open(DIGEST, NEVER)
}

async function readAll(partial: PartialContent): Promise<Buffer> {
  const buffer = Buffer.alloc(partial.offset)
  expect(await partial.read(buffer, 0)).toBe(partial.offset)
  return buffer
}

/** What is being fetched. */
export function partialTests({ store, another }: StoreBench): void {
  test('what is fetched can be read while it grows, and is content once it is committed', async () => {
    const partial = await open(store())
    expect(partial.offset).toBe(0)
    await partial.append([BYTES.subarray(0, 10), BYTES.subarray(10, 100)])
    expect(await readAll(partial)).toEqual(BYTES.subarray(0, 100))
    expect(partial.isWhole()).toBe(false)
    await store().links.publishLayer(APP, DIGEST, DIGEST)
    expect(await readLayer(store(), DIGEST)).toBeUndefined()
    await partial.append([BYTES.subarray(100)])
    expect(partial.isWhole()).toBe(true)
    await partial.commit()
    expect(await readLayer(store(), DIGEST)).toEqual(BYTES)
    expect(await readAll(partial)).toEqual(BYTES)
    await partial.close()
  })

  test('bytes with another digest are never committed, and nothing of them is kept', async () => {
    const partial = await open(store())
    await partial.append([bytesOf(2)])
    await expect(partial.commit()).rejects.toMatchObject({ failure: 'digest-mismatch' })
    await partial.close()
    const again = await open(store())
    expect(again.offset).toBe(0)
    await again.discard()
    await again.close()
  })

  test('what was kept is gone on with, by the same process and by one that comes after it', async () => {
    const first = await open(store())
    await first.append([BYTES.subarray(0, 100)])
    await first.keep()
    await first.close()
    const other = await another()
    const second = await open(store())
    expect(second.offset).toBe(100)
    await second.append([BYTES.subarray(100, 200)])
    await second.keep()
    await second.close()
    await store().close()
    const third = await open(other)
    expect(third.offset).toBe(200)
    await third.append([BYTES.subarray(200)])
    await third.commit()
    await third.close()
    await other.links.publishLayer(APP, DIGEST, DIGEST)
    expect(await readLayer(other, DIGEST)).toEqual(BYTES)
    await other.close()
  })

  test('two downloads of one digest write into files of their own', async () => {
    const [one, two] = [await open(store()), await open(store())]
    await one.append([BYTES.subarray(0, 100)])
    await two.append([bytesOf(3, 50)])
    expect(await readAll(one)).toEqual(BYTES.subarray(0, 100))
    await one.append([BYTES.subarray(100)])
    await one.commit()
    await two.append([bytesOf(4, 50)])
    await two.discard()
    await store().links.publishLayer(APP, DIGEST, DIGEST)
    expect(await readLayer(store(), DIGEST)).toEqual(BYTES)
    await one.close()
    await two.close()
  })

  test('a file has no room where the disk has none, counting what others will write', async () => {
    const free = await store().space.freeBytes()
    const one = await open(store())
    await one.expect(Math.ceil(free * 0.6))
    const other = await store().partials.open(digestOf(bytesOf(2)), NEVER)
    await expect(other.expect(Math.ceil(free * 0.6))).rejects.toMatchObject({ failure: 'storage-full' })
    await one.discard()
    await other.expect(Math.ceil(free * 0.6))
    await other.discard()
    await one.close()
    await other.close()
  })

  test('what was kept is purged when it is old, not while it is young', async () => {
    const partial = await open(store())
    await partial.append([BYTES.subarray(0, 100)])
    await partial.keep()
    await partial.close()
    expect(await store().partials.purge(new Date(0), NEVER)).toBe(0)
    expect(await store().partials.purge(new Date('2100-01-01'), NEVER)).toBe(1)
    const again = await open(store())
    expect(again.offset).toBe(0)
    expect(await store().partials.purge(new Date('2100-01-01'), NEVER)).toBe(0)
    await again.discard()
    await again.close()
  })

  test('who gives up while the bytes of a dead process are copied leaves them to the next', async () => {
    const partial = await open(store())
    await partial.append([BYTES.subarray(0, 100)])
    await partial.keep()
    await partial.close()
    const other = await another()
    await store().close()
    await expect(other.partials.open(DIGEST, AbortSignal.abort())).rejects.toMatchObject({
      name: 'AbortError',
    })
    const next = await open(other)
    expect(next.offset).toBe(100)
    await next.discard()
    await next.close()
    await other.close()
  })
}
