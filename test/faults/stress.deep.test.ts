import { expect, test } from '@jest/globals'

import { chooseSeed } from '../programs/stress/chance.js'
import { describeNeeding } from '../support/needs.js'
import { DISTRIBUTION } from './needs.js'
import { runStress } from './stress.js'

const MINUTE_MS = 60_000

describeNeeding([DISTRIBUTION], 'the stress test, for long', () => {
  const seed = chooseSeed('stress')

  test(
    'ten times two minutes against two registries: nothing is lost',
    async () => {
      for (let round = 0; round < 10; round += 1) {
        const orders = { milliseconds: 2 * MINUTE_MS, registries: 2, clients: 8, kills: 0 }
        expect((await runStress({ ...orders, seed: seed + round })).findings).toEqual([])
      }
    },
    40 * MINUTE_MS,
  )

  test(
    '250 kills while clients push: nothing that was acknowledged is lost',
    async () => {
      for (let round = 0; round < 5; round += 1) {
        const orders = { milliseconds: 2 * MINUTE_MS, registries: 1 + (round % 2), clients: 5, kills: 50 }
        expect((await runStress({ ...orders, seed: seed + round })).findings).toEqual([])
      }
    },
    30 * MINUTE_MS,
  )
})
