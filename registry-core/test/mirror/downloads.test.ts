import { describe, expect, test } from '@jest/globals'

import { Breaker, withBreaker } from '#core/mirror/watched/breaker.js'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'

import { seededRandom } from '../seeded-chance.js'
import { silentLog } from '../simulated-store.js'
import { digestOf } from '../store-bench.js'
import { BlobUpstream } from './blob-upstream.js'
import { DEBIAN, join, KIB, largeBytes, settle, stored } from './download-bench.js'
import { useOneBlobStage } from './one-blob-stage.js'
import { ScriptedUpstream } from './scripted-upstream.js'

const SIZE = 3000 * KIB
const BYTES = largeBytes(1, SIZE)
const DIGEST = digestOf(BYTES)
const HELD_BACK = 64 * KIB

const stage = useOneBlobStage(BYTES)

describe('one download', () => {
  test('serves any number of clients, and is linked in every repository that asked', async () => {
    const clients = Array.from({ length: 32 }, (_, number) =>
      stage.join(number % 2 === 0 ? {} : { name: DEBIAN }),
    )
    for (const client of clients) {
      expect(await client.ended).toBe('whole')
      expect(client.bytes().equals(BYTES)).toBe(true)
    }
    expect(stage.upstream.firsts).toEqual([0])
    expect((await stage.stored())?.equals(BYTES)).toBe(true)
    expect((await stage.stored(DEBIAN))?.equals(BYTES)).toBe(true)
    expect(stage.machine.partials()).toEqual([])
  })

  test('serves ranges, also those that have not come yet', async () => {
    stage.upstream.allow(0)
    const middle = stage.join({ first: 1000 * KIB, last: 1001 * KIB - 1 })
    const end = stage.join({ first: SIZE - 10 })
    await settle()
    expect(middle.bytes()).toHaveLength(0)
    stage.upstream.allow(1500 * KIB)
    expect(await middle.ended).toBe('whole')
    expect(middle.bytes().equals(BYTES.subarray(1000 * KIB, 1001 * KIB))).toBe(true)
    stage.upstream.allow(SIZE)
    expect(await end.ended).toBe('whole')
    expect(end.bytes().equals(BYTES.subarray(SIZE - 10))).toBe(true)
    expect(stage.upstream.firsts).toEqual([0])
  })

  test('hands bytes on as they come, but the last 64 KiB only when all of them are right', async () => {
    stage.upstream.allow(0)
    const client = stage.join()
    for (const allowed of [1, 100 * KIB, SIZE - HELD_BACK, SIZE - 1]) {
      stage.upstream.allow(allowed)
      await settle()
      expect(client.bytes().equals(BYTES.subarray(0, Math.min(allowed, SIZE - HELD_BACK)))).toBe(true)
    }
    expect(await stage.stored()).toBeUndefined()
    stage.upstream.allow(SIZE)
    expect(await client.ended).toBe('whole')
    expect(client.bytes().equals(BYTES)).toBe(true)
  })

  test('answers with the size as soon as the headers are there', async () => {
    stage.upstream.allow(0)
    const content = await stage.core.downloads.join(
      stage.upstream,
      DEBIAN,
      DIGEST,
      new AbortController().signal,
    )
    expect(content).toMatchObject({ repository: DEBIAN.stored, digest: DIGEST, sizeBytes: SIZE })
    expect(stage.core.downloads.fetchedFor(stage.upstream, DIGEST)).toEqual(new Set([DEBIAN.stored]))
    expect(stage.core.downloads.fetchedFor(stage.upstream, digestOf(BYTES.subarray(1)))).toBeUndefined()
  })

  test('gives readers that are far behind the bytes of the file', async () => {
    const core = await stage.machine.start(256 * KIB)
    stage.upstream.allow(SIZE - 1)
    const first = join(core, stage.upstream, DIGEST)
    await settle()
    const late = join(core, stage.upstream, DIGEST)
    await settle()
    expect(late.bytes().equals(first.bytes())).toBe(true)
    expect(late.bytes()).toHaveLength(SIZE - HELD_BACK)
    stage.upstream.allow(SIZE)
    expect(await late.ended).toBe('whole')
    expect(late.bytes().equals(BYTES)).toBe(true)
  })

  test.each([0, 1, 1000, HELD_BACK, HELD_BACK + 1])(
    'takes a blob of %d bytes, with or without its length',
    async (size) => {
      for (const answer of [{}, { saysBytes: undefined }]) {
        const bytes = largeBytes(size + Object.keys(answer).length * 7, size)
        const small = new BlobUpstream(bytes)
        small.answers = [answer]
        const client = join(stage.core, small, digestOf(bytes))
        expect(await client.ended).toBe('whole')
        expect(client.bytes().equals(bytes)).toBe(true)
        expect(await stored(stage.core, digestOf(bytes))).toEqual(bytes)
      }
    },
  )

  test('is not begun again for a client that looked just before it ended', async () => {
    await stage.join().ended
    const late = stage.join({ first: 10, last: 19 })
    expect(await late.ended).toBe('whole')
    expect(late.bytes()).toEqual(BYTES.subarray(10, 20))
    expect(stage.upstream.firsts).toEqual([0])
  })
})

describe('what an upstream does wrong', () => {
  const wrong = Buffer.from(BYTES)
  wrong[SIZE - 1] = (wrong[SIZE - 1] ?? 0) ^ 1

  test.each([
    ['has other bytes', { bytes: wrong }],
    ['goes on after its length', { saysBytes: SIZE - 100 * KIB }],
    [
      'goes on after its length, by one byte',
      { bytes: Buffer.concat([BYTES, Buffer.from('x')]), saysBytes: SIZE },
    ],
    [
      'ends early without having said its length',
      { bytes: BYTES.subarray(0, SIZE - 1), saysBytes: undefined },
    ],
  ])('a body that %s ends broken for every client, and nothing of it is kept', async (_, answer) => {
    stage.upstream.answers = [answer]
    const clients = [stage.join(), stage.join()]
    for (const client of clients) {
      expect(await client.ended).toMatchObject({ trouble: 'wrong-content' })
      expect(client.bytes().equals(BYTES)).toBe(false)
      expect(client.bytes().length).toBeLessThanOrEqual(SIZE - HELD_BACK)
    }
    await settle()
    expect(await stage.stored()).toBeUndefined()
    expect(stage.machine.partials()).toEqual([])
    const again = stage.join()
    expect(await again.ended).toBe('whole')
    expect(again.bytes().equals(BYTES)).toBe(true)
    expect(stage.upstream.firsts).toEqual([0, 0])
  })

  test('a body that is cut goes on where it ended, without the client noticing', async () => {
    stage.upstream.answers = [
      { cutAt: 500 * KIB },
      { cutAt: 1000 * KIB, ignoresRange: true },
      { fails: 'unreachable' },
    ]
    const client = stage.join()
    while (!(await Promise.race([client.ended.then(() => true), settle().then(() => false)])))
      await stage.machine.clock.wakeNext()
    expect(await client.ended).toBe('whole')
    expect(client.bytes().equals(BYTES)).toBe(true)
    expect(stage.upstream.firsts).toEqual([0, 500 * KIB, 1000 * KIB, 1000 * KIB])
  })

  test('an upstream that breaks again and again is given up, and a later client goes on from there', async () => {
    stage.upstream.answers = [
      { cutAt: 500 * KIB },
      ...Array.from({ length: 9 }, () => ({ fails: 'timeout' as const })),
    ]
    const client = stage.join()
    while (!(await Promise.race([client.ended.then(() => true), settle().then(() => false)])))
      await stage.machine.clock.wakeNext()
    expect(await client.ended).toMatchObject({ trouble: 'timeout' })
    expect(client.bytes().equals(BYTES.subarray(0, 500 * KIB))).toBe(true)
    expect(stage.upstream.firsts.length).toBeLessThan(9)
    stage.upstream.answers = []
    const again = stage.join()
    expect(await again.ended).toBe('whole')
    expect(again.bytes().equals(BYTES)).toBe(true)
    expect(stage.upstream.firsts.at(-1)).toBe(500 * KIB)
  })

  test('what it does not have is said at once to all that wait, and asked again by the next', async () => {
    stage.upstream.answers = [{ fails: 'missing' }]
    const clients = [stage.join(), stage.join()]
    for (const client of clients) expect(await client.ended).toMatchObject({ trouble: 'missing' })
    expect(await stage.join().ended).toBe('whole')
    expect(stage.upstream.firsts).toEqual([0, 0])
    expect(stage.machine.partials()).toEqual([])
  })
})

describe('clients that leave', () => {
  /** One does, when so much has come. */
  async function leaveAfter(sizeBytes: number): Promise<void> {
    stage.upstream.allow(sizeBytes)
    const client = stage.join()
    await settle()
    client.leave()
  }

  test('end nothing for the others', async () => {
    stage.upstream.allow(1000 * KIB)
    const [one, other] = [stage.join(), stage.join()]
    await settle()
    one.leave()
    expect(await one.ended).toMatchObject({ message: 'left' })
    stage.upstream.allow(SIZE)
    expect(await other.ended).toBe('whole')
    expect(other.bytes().equals(BYTES)).toBe(true)
  })

  test('leave a download that is more than half done to end by itself', async () => {
    await leaveAfter(1600 * KIB)
    await stage.machine.clock.advance(60_000)
    stage.upstream.allow(SIZE)
    await settle()
    expect((await stage.stored())?.equals(BYTES)).toBe(true)
  })

  test('stop one that is less than half done, after a while; its part is kept', async () => {
    await leaveAfter(1000 * KIB)
    await settle()
    expect(stage.upstream.openBodies).toBe(1)
    await stage.machine.clock.advance(30_000)
    await settle()
    expect(stage.upstream.openBodies).toBe(0)
    expect(stage.machine.partials()).toHaveLength(1)
    stage.upstream.allow(SIZE)
    const later = stage.join()
    expect(await later.ended).toBe('whole')
    expect(later.bytes().equals(BYTES)).toBe(true)
    expect(stage.upstream.firsts).toEqual([0, 1000 * KIB])
  })

  test('are followed by one that comes in time, and nothing is asked again', async () => {
    await leaveAfter(1000 * KIB)
    await stage.machine.clock.advance(29_000)
    const later = stage.join()
    await stage.machine.clock.advance(60_000)
    stage.upstream.allow(SIZE)
    expect(await later.ended).toBe('whole')
    expect(stage.upstream.firsts).toEqual([0])
  })
})

test('what we give up ourselves, since nobody waits for it, says nothing of the upstream', async () => {
  const scripted = new ScriptedUpstream()
  const { clock } = stage.machine
  const breaker = new Breaker({ host: scripted.host, clock, random: seededRandom(1), log: silentLog })
  const watched = withBreaker(scripted, breaker)
  const down = new UpstreamFailure('unreachable', 'as the test says')
  scripted.fails(down)
  await join(stage.core, watched, DIGEST).ended
  scripted.hangs()
  const client = join(stage.core, watched, DIGEST)
  await settle()
  client.leave()
  await settle()
  await clock.advance(30_000)
  await settle()
  scripted.fails(down)
  await join(stage.core, watched, DIGEST).ended
  expect(breaker.state).toBe('open') // two failures, and no answer between them
})

describe('the end of a process', () => {
  test('keeps what has come, and the next one goes on from there', async () => {
    stage.upstream.allow(1000 * KIB)
    const client = stage.join()
    await settle()
    await stage.core.downloads.close()
    expect(await client.ended).toMatchObject({ trouble: 'closing' })
    await stage.core.store.close()
    const next = await stage.machine.start()
    stage.upstream.allow(SIZE)
    const later = join(next, stage.upstream, DIGEST)
    expect(await later.ended).toBe('whole')
    expect(later.bytes().equals(BYTES)).toBe(true)
    expect(stage.upstream.firsts).toEqual([0, 1000 * KIB])
    expect(stage.machine.partials()).toEqual([])
  })

  test('by kill -9 leaves a part that the next one copies, and never writes into', async () => {
    stage.upstream.allow(2000 * KIB)
    stage.join()
    await settle()
    stage.core.fs.kill()
    const next = await stage.machine.start()
    const other = new BlobUpstream(BYTES)
    const later = join(next, other, DIGEST)
    expect(await later.ended).toBe('whole')
    expect(later.bytes().equals(BYTES)).toBe(true)
    expect(other.firsts[0]).toBeGreaterThan(0)
    expect((await stored(next, DIGEST))?.equals(BYTES)).toBe(true)
  })
})
