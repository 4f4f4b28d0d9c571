import { expect, test } from '@jest/globals'

import { chooseSeed } from '../programs/stress/chance.js'
import { DEEP_MINUTES, DEEP_TIMEOUT_MS, deepRounds, MINUTE_MS } from '../support/deep-minutes.js'
import { describeNeeding } from '../support/needs.js'
import { DISTRIBUTION } from './needs.js'
import { runStress } from './stress.js'

describeNeeding([DISTRIBUTION], `the stress test, for ${DEEP_MINUTES} minutes each`, () => {
  const seed = chooseSeed('stress')

  test(
    'minute after minute against two registries: nothing is lost',
    async () => {
      for (const round of deepRounds()) {
        const orders = { milliseconds: MINUTE_MS, registries: 2, clients: 8, kills: 0, seed: seed + round }
        const outcome = await runStress(orders)
        expect(outcome.findings).toEqual([])
        expect(outcome.pushed).toBeGreaterThan(100)
        expect(outcome.pulledWhole).toBeGreaterThan(30)
      }
    },
    DEEP_TIMEOUT_MS,
  )

  test(
    '25 kills a minute while clients push: nothing that was acknowledged is lost',
    async () => {
      for (const round of deepRounds()) {
        const registries = 1 + (round % 2)
        const orders = { milliseconds: MINUTE_MS, registries, clients: 5, kills: 25, seed: seed + round }
        const outcome = await runStress(orders)
        expect(outcome.findings).toEqual([])
        expect(outcome.brokenConnections).toBeGreaterThan(10)
        expect(outcome.pushed).toBeGreaterThan(30)
      }
    },
    DEEP_TIMEOUT_MS,
  )
})
