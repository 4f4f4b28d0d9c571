import { beforeEach, expect, test } from '@jest/globals'

import { digestOf, NEVER } from '../store-bench.js'
import { BlobUpstream } from './blob-upstream.js'
import { type Fetching, join, joined, KIB, largeBytes, Machine, settle, stored } from './download-bench.js'

const SIZE = 10_000 * KIB
const BYTES = largeBytes(2, SIZE)
const DIGEST = digestOf(BYTES)

let upstream: BlobUpstream

beforeEach(() => {
  upstream = new BlobUpstream(BYTES)
})

async function full(ringBytes?: number): Promise<{ machine: Machine; core: Fetching }> {
  const machine = new Machine({ totalBytes: 1000 * KIB })
  return { machine, core: await machine.start(ringBytes) }
}

test('a blob for which there is no room reaches every client whole, and is not stored', async () => {
  const { machine, core } = await full()
  const clients = [
    join(core, upstream, DIGEST),
    join(core, upstream, DIGEST),
    join(core, upstream, DIGEST, { first: 5000 * KIB }),
  ]
  for (const client of clients) expect(await client.ended).toBe('whole')
  expect(clients[0]?.bytes().equals(BYTES)).toBe(true)
  expect(clients[1]?.bytes().equals(BYTES)).toBe(true)
  expect(clients[2]?.bytes().equals(BYTES.subarray(5000 * KIB))).toBe(true)
  expect(upstream.firsts).toEqual([0])
  expect(await stored(core, DIGEST)).toBeUndefined()
  expect(machine.partials()).toEqual([])
})

test('a wrong digest is a broken stream there too', async () => {
  const { core } = await full()
  const wrong = Buffer.from(BYTES)
  wrong[0] = (wrong[0] ?? 0) ^ 1
  upstream.answers = [{ bytes: wrong }]
  const client = join(core, upstream, DIGEST)
  expect(await client.ended).toMatchObject({ trouble: 'wrong-content' })
  expect(client.bytes().length).toBeLessThanOrEqual(SIZE - 64 * KIB)
})

test('a client that takes nothing holds the download up, and nothing is lost to it', async () => {
  const { core } = await full(512 * KIB)
  const slow = await joined(core, upstream, DIGEST)
  const fast = join(core, upstream, DIGEST)
  await settle()
  const gone = fast.bytes().length
  expect(gone).toBeGreaterThan(3000 * KIB)
  expect(gone).toBeLessThan(6000 * KIB)
  const reading = Array.fromAsync(slow.read(0, undefined, NEVER))
  expect(await fast.ended).toBe('whole')
  expect(Buffer.concat(await reading).equals(BYTES)).toBe(true)
  expect(upstream.firsts).toEqual([0])
})

test.each([
  ['the ring has the beginning still: it joins', undefined, [0]],
  ['it has gone: it has a download of its own', 512 * KIB, [0, 0]],
])('of a client that comes late, %s', async (_, ringBytes, firsts) => {
  const { core } = await full(ringBytes)
  upstream.allow(8000 * KIB)
  const early = join(core, upstream, DIGEST)
  await settle()
  const slow = await joined(core, upstream, DIGEST)
  const late = join(core, upstream, DIGEST)
  upstream.allow(SIZE)
  const other = join(core, new BlobUpstream(largeBytes(3, SIZE)), digestOf(largeBytes(3, SIZE)))
  expect(await other.ended).toBe('whole')
  const reading = Array.fromAsync(slow.read(0, undefined, NEVER))
  expect(await early.ended).toBe('whole')
  expect(await late.ended).toBe('whole')
  expect(early.bytes().equals(BYTES)).toBe(true)
  expect(late.bytes().equals(BYTES)).toBe(true)
  expect(Buffer.concat(await reading).equals(BYTES)).toBe(true)
  expect(upstream.firsts).toEqual(firsts)
})

test.each(['ENOSPC', 'EIO', 'EROFS'] as const)(
  'a disk that fails with %s in the middle is no client\u2019s trouble',
  async (code) => {
    const machine = new Machine()
    const core = await machine.start(512 * KIB)
    upstream.allow(6000 * KIB)
    const early = join(core, upstream, DIGEST)
    await settle()
    core.fs.fail({ code, fits: ({ name, path }) => name === 'write' && path.includes('/partial/') })
    upstream.allow(9000 * KIB)
    await settle()
    const late = join(core, upstream, DIGEST, { first: 1000 * KIB, last: 2000 * KIB })
    upstream.allow(SIZE)
    expect(await early.ended).toBe('whole')
    expect(early.bytes().equals(BYTES)).toBe(true)
    expect(await late.ended).toBe('whole')
    expect(late.bytes().equals(BYTES.subarray(1000 * KIB, 2000 * KIB + 1))).toBe(true)
    await settle()
    expect(await stored(core, DIGEST)).toBeUndefined()
    core.fs.heal()
    const again = join(core, upstream, DIGEST)
    expect(await again.ended).toBe('whole')
    expect((await stored(core, DIGEST))?.equals(BYTES)).toBe(true)
  },
)

test.each(['create', 'sync', 'rename', 'syncDirectory', 'link', 'space'] as const)(
  'a failing %s is no client\u2019s trouble either',
  async (call) => {
    const machine = new Machine()
    const core = await machine.start()
    core.fs.fail({ code: 'EIO', fits: ({ name }) => name === call })
    const client = join(core, upstream, DIGEST)
    expect(await client.ended).toBe('whole')
    expect(client.bytes().equals(BYTES)).toBe(true)
  },
)
