import { dirname } from 'node:path'

import { describe, expect, test } from '@jest/globals'

import { STORE_ROOT } from '../simulated-store.js'
import { digestOf, NEVER } from '../store-bench.js'
import { type Client, join, KIB, largeBytes, settle, stored } from './download-bench.js'
import { useOneBlobStage } from './one-blob-stage.js'

const SIZE = 3000 * KIB
const HALF = 1500 * KIB
const BYTES = largeBytes(7, SIZE)
const DIGEST = digestOf(BYTES)
const DAY_MS = 24 * 60 * 60 * 1000

const stage = useOneBlobStage(BYTES)

/** A client that has got half of the blob. */
async function halfway(): Promise<Client> {
  stage.upstream.allow(HALF)
  const client = stage.join()
  await settle()
  expect(client.bytes().length).toBeGreaterThan(KIB)
  return client
}

/** The right bytes, or a stream that broke. */
async function isHonest(client: Client): Promise<boolean> {
  return (await client.ended) !== 'whole' || client.bytes().equals(BYTES)
}

/** What lies in the only part. */
function part(): { readonly path: string; readonly inode: number; readonly sizeBytes: number } {
  const [name] = stage.machine.partials()
  const path = `${STORE_ROOT}/entrepot/partial/${name}`
  const stat = stage.core.fs.disk.stat(path)
  if (stat === undefined) throw new Error('there is no part')
  return { path, ...stat }
}

describe('a part whose bytes are not what was written', () => {
  const damages: readonly { readonly what: string; damage(): void }[] = [
    { what: 'a page of zeros', damage: () => overwrite(Buffer.alloc(4 * KIB), 512 * KIB) },
    { what: 'another byte at its beginning', damage: () => overwrite(Buffer.from([(BYTES[0] ?? 0) ^ 1]), 0) },
    { what: 'nothing but zeros', damage: () => overwrite(Buffer.alloc(part().sizeBytes), 0) },
    { what: 'a lost end', damage: () => stage.core.fs.disk.truncate(part().inode, 700 * KIB + 1) },
    { what: 'no byte left', damage: () => stage.core.fs.disk.truncate(part().inode, 0) },
    {
      what: 'more bytes than the blob',
      damage: () => overwrite(Buffer.alloc(SIZE), part().sizeBytes),
    },
  ]
  const overwrite = (bytes: Uint8Array, position: number): void =>
    stage.core.fs.disk.write(part().inode, bytes, position)

  test.each(damages)(
    'is never served whole or committed: $what, found by the next process',
    async ({ damage }) => {
      await halfway()
      stage.core.fs.kill()
      damage()
      const next = await stage.machine.start()
      stage.upstream.allow(SIZE)
      expect(await isHonest(join(next, stage.upstream, DIGEST))).toBe(true)
      const held = await stored(next, DIGEST)
      expect(held === undefined || held.equals(BYTES)).toBe(true)
      const later = join(next, stage.upstream, DIGEST)
      expect(await later.ended).toBe('whole')
      expect(later.bytes().equals(BYTES)).toBe(true)
      expect((await stored(next, DIGEST))?.equals(BYTES)).toBe(true)
      await next.store.partials.purge(new Date('2100-01-01'), NEVER) // an empty one nobody takes
      expect(stage.machine.partials()).toEqual([])
    },
  )

  test.each(['ordered', 'weak'] as const)(
    'is not even read when the machine has started anew, and one of its pages is lost (%s)',
    async (mode) => {
      await halfway()
      const { path, inode } = part()
      stage.core.fs.disk.syncFile(inode)
      stage.core.fs.disk.syncDirectory(dirname(path)) // so that it is there afterwards, whole
      const after = stage.machine.afterPowerCut(mode, 3)
      expect(after.partials()).toHaveLength(1)
      const next = await after.start()
      next.fs.disk.write(next.fs.disk.stat(path)?.inode ?? 0, Buffer.alloc(4 * KIB), 512 * KIB)
      stage.upstream.firsts.length = 0
      stage.upstream.allow(SIZE)
      const client = join(next, stage.upstream, DIGEST)
      expect(await client.ended).toBe('whole')
      expect(client.bytes().equals(BYTES)).toBe(true)
      expect(stage.upstream.firsts).toEqual([0])
      expect((await stored(next, DIGEST))?.equals(BYTES)).toBe(true)
      await next.store.partials.purge(new Date('2100-01-01'), NEVER)
      expect(after.partials()).toEqual([])
    },
  )
})

describe('a clock that jumps under a download', () => {
  test.each([DAY_MS, -DAY_MS, 400 * DAY_MS])('by %i ms ends nothing', async (jumpMs) => {
    const client = await halfway()
    stage.machine.clock.step(jumpMs)
    const limit = new Date(stage.machine.clock.now().getTime() - DAY_MS / 2)
    await stage.core.store.partials.purge(limit, NEVER)
    const other = stage.join()
    stage.upstream.allow(SIZE)
    for (const each of [client, other]) {
      expect(await each.ended).toBe('whole')
      expect(each.bytes().equals(BYTES)).toBe(true)
    }
    expect(stage.upstream.firsts).toEqual([0])
    expect((await stage.stored())?.equals(BYTES)).toBe(true)
  })

  test('so that another process takes this one for dead: both clients get the right bytes, or see it broken', async () => {
    const client = await halfway()
    stage.machine.clock.step(2 * DAY_MS)
    const beside = await stage.machine.start()
    await beside.store.partials.purge(new Date(stage.machine.clock.now().getTime() - DAY_MS), NEVER)
    const other = join(beside, stage.upstream, DIGEST)
    await settle()
    stage.upstream.allow(SIZE)
    expect(await isHonest(client)).toBe(true)
    expect(await other.ended).toBe('whole')
    expect(other.bytes().equals(BYTES)).toBe(true)
    expect((await stored(beside, DIGEST))?.equals(BYTES)).toBe(true)
  })
})

test.each([0, 1, 2, 3])(
  'of two processes that fetch one blob the other goes on when one dies in the middle (%i)',
  async (steps) => {
    const client = await halfway()
    const beside = await stage.machine.start()
    const other = join(beside, stage.upstream, DIGEST)
    await settle()
    stage.upstream.allow(HALF + steps * 400 * KIB)
    await settle()
    stage.core.fs.kill()
    stage.upstream.allow(SIZE)
    expect(await other.ended).toBe('whole')
    expect(other.bytes().equals(BYTES)).toBe(true)
    expect(client.bytes().equals(BYTES.subarray(0, client.bytes().length))).toBe(true)
    expect((await stored(beside, DIGEST))?.equals(BYTES)).toBe(true)
  },
)
