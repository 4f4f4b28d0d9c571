import { expect, test } from '@jest/globals'

import { chanceFrom, chooseSeed } from '../programs/stress/chance.js'
import { DEEP_MINUTES, DEEP_TIMEOUT_MS, deepRounds } from '../support/deep-minutes.js'
import { describeNeeding } from '../support/needs.js'
import { FaultLoop, type LoopOutcome } from './fault-loop.js'
import { DISTRIBUTION, STRACE } from './needs.js'
import { storeFolder } from './served.js'
import type { CallPoint } from './strace.js'

/** After so many faults the clock is looked at, and everything that was ever promised. */
const POINTS_A_ROUND = 20

describeNeeding([STRACE, DISTRIBUTION], `one registry, each fault for ${DEEP_MINUTES} minutes`, () => {
  const seed = chooseSeed('fault loop')

  test.each(['EIO', 'ENOSPC', 'EROFS', 'EMFILE', 'EDQUOT', 'ENOMEM'])(
    'any call that fails with %s is a refusal in words',
    async (error) => {
      const isMeant = ({ call }: CallPoint): boolean => call !== 'write'
      const { tried, hit } = await sufferAll(error, isMeant, (loop, points) => loop.failAt(points, error))
      expect(hit).toBeGreaterThan(tried / 2)
    },
    DEEP_TIMEOUT_MS,
  )

  test(
    'killed before any call, it has kept what it acknowledged',
    async () => {
      const { tried, hit } = await sufferAll(
        'kills',
        () => true,
        (loop, points) => loop.killAt(points),
      )
      expect(hit).toBeGreaterThan(tried * 0.8)
    },
    DEEP_TIMEOUT_MS,
  )

  /** Every point of one round of work, in an order of chance, until all were tried or the time is over. */
  async function sufferAll(
    what: string,
    isMeant: (point: CallPoint) => boolean,
    suffer: (loop: FaultLoop, points: readonly CallPoint[]) => Promise<LoopOutcome>,
  ): Promise<{ readonly tried: number; readonly hit: number }> {
    using store = storeFolder()
    const loop = await FaultLoop.start(store.root)
    try {
      const points = inOrderOfChance((await loop.record()).filter(isMeant), seed)
      const sum = { points: points.length, tried: 0, hit: 0, checked: 0 }
      for (const round of deepRounds()) {
        const chosen = points.slice(round * POINTS_A_ROUND, (round + 1) * POINTS_A_ROUND)
        if (chosen.length === 0) break
        const { hit, checked } = await suffer(loop, chosen)
        sum.tried += chosen.length
        sum.hit += hit
        sum.checked = checked
      }
      process.stdout.write(`fault loop, ${what}: ${JSON.stringify(sum)}\n`)
      return sum
    } finally {
      await loop.stop()
    }
  }
})

function inOrderOfChance<T>(values: readonly T[], seed: number): readonly T[] {
  const chance = chanceFrom(seed)
  return values
    .map((value) => ({ value, place: chance() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value)
}
