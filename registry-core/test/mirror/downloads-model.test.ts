import { expect, test } from '@jest/globals'
import fc from 'fast-check'

import { digestOf } from '../store-bench.js'
import { type Answer, BlobUpstream } from './blob-upstream.js'
import { type Client, join, KIB, largeBytes, Machine, settle, stored } from './download-bench.js'

const STEPS = 6
const TROUBLES = ['cut', 'timeout', 'unreachable', 'missing', 'rate-limited'] as const

/** A part of the blob, in thousandths of its size, and when the client comes and goes. */
const reader = fc.record({
  from: fc.nat(1000),
  to: fc.option(fc.nat(1000), { nil: undefined }),
  comes: fc.nat(STEPS - 1),
  leaves: fc.option(fc.nat(STEPS), { nil: undefined }),
})

const answer = fc.record(
  { cut: fc.nat(1000), ignoresRange: fc.boolean(), fails: fc.constantFrom(...TROUBLES) },
  { requiredKeys: [] },
)

const story = fc.record({
  sizeBytes: fc.oneof(fc.nat(70 * KIB), fc.nat(1500 * KIB)),
  pieceBytes: fc.constantFrom(1000, 4 * KIB, 64 * KIB),
  ringBytes: fc.constantFrom(0, 100 * KIB, 64 * KIB * KIB),
  readers: fc.array(reader, { minLength: 1, maxLength: 6 }),
  answers: fc.array(answer, { maxLength: 4 }),
  isWrong: fc.boolean(),
  saysSize: fc.boolean(),
  diskFailsAfter: fc.option(fc.nat(3), { nil: undefined }),
})

interface Known {
  readonly client: Client
  readonly expected: Buffer
  readonly mayLeave: boolean
  readonly endsInHeldBack: boolean
}

test('whatever clients, upstream and disk do, a client has the right bytes or a broken stream', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (told) => {
      const machine = new Machine()
      const core = await machine.start(told.ringBytes)
      const openAtStart = core.fs.openFiles
      const bytes = largeBytes(7, told.sizeBytes)
      const sent = Buffer.from(bytes)
      const isWrong = told.isWrong && sent.length > 0
      if (isWrong) sent[0] = (sent[0] ?? 0) ^ 1
      const upstream = new BlobUpstream(sent, told.pieceBytes)
      const at = (thousandths: number): number => Math.floor((told.sizeBytes * thousandths) / 1000)
      upstream.answers = told.answers.map(
        ({ cut, ...rest }): Answer => ({
          ...rest,
          ...(cut === undefined ? {} : { cutAt: at(cut) }),
          ...(told.saysSize ? {} : { saysBytes: undefined }),
        }),
      )
      if (told.diskFailsAfter !== undefined) {
        let left = told.diskFailsAfter
        core.fs.fail({
          code: 'ENOSPC',
          fits: ({ name, path }) => name === 'write' && path.includes('/partial/') && left-- <= 0,
        })
      }
      const digest = digestOf(bytes)
      const known = new Map<number, Known>()
      upstream.allow(0)
      for (let step = 0; step <= STEPS; step += 1) {
        for (const [index, { from, to, comes, leaves }] of told.readers.entries()) {
          if (comes !== step) continue
          const first = at(from)
          const last = to === undefined ? undefined : Math.max(first, at(to))
          const client = join(core, upstream, digest, { first, ...(last === undefined ? {} : { last }) })
          const expected = sent.subarray(first, last === undefined ? undefined : last + 1)
          const endsInHeldBack = last === undefined || last >= told.sizeBytes - 64 * KIB
          known.set(index, { client, expected, mayLeave: leaves !== undefined, endsInHeldBack })
        }
        for (const [index, { leaves }] of told.readers.entries())
          if (leaves === step) known.get(index)?.client.leave()
        upstream.allow(Math.floor((told.sizeBytes * step) / STEPS))
        await settle()
        if (machine.clock.hasSleeper()) await machine.clock.wakeNext()
      }
      upstream.allow(Number.POSITIVE_INFINITY)
      const all = Promise.all([...known.values()].map(({ client }) => client.ended))
      while (!(await Promise.race([all.then(() => true), settle().then(() => false)])))
        await machine.clock.wakeNext()
      for (const { client, expected, mayLeave, endsInHeldBack } of known.values()) {
        const isWhole = (await client.ended) === 'whole'
        const got = client.bytes()
        expect(got.equals(isWhole ? expected : expected.subarray(0, got.length))).toBe(true)
        expect(isWhole && endsInHeldBack && isWrong).toBe(false)
        expect(isWhole || told.answers.length > 0 || isWrong || mayLeave).toBe(true)
      }
      await machine.clock.advance(120_000)
      await settle()
      const held = await stored(core, digest)
      expect(held === undefined || held.equals(bytes)).toBe(true)
      await core.downloads.close()
      await settle()
      expect(core.fs.openFiles).toBe(openAtStart)
      expect(machine.partials().length).toBeLessThanOrEqual(1)
    }),
    { numRuns: Number(process.env['MODEL_RUNS'] ?? 300) },
  )
}, 180_000)
