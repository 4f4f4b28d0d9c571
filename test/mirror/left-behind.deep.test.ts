import { afterAll, beforeAll, test } from '@jest/globals'
import fc from 'fast-check'

import { chooseSeed } from '../programs/stress/chance.js'
import { DEEP_MINUTES, DEEP_TIMEOUT_MS, deepRounds } from '../support/deep-minutes.js'
import { openStage, type Stage } from './left-behind/stage.js'
import { storiesAt } from './left-behind/player.js'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

test(
  `what an upstream leaves behind is seen by whom ADR 13 says, for ${DEEP_MINUTES} minutes`,
  async () => {
    const first = chooseSeed('left behind')
    for (const round of deepRounds()) await fc.assert(storiesAt(stage), { seed: first + round, numRuns: 25 })
  },
  DEEP_TIMEOUT_MS,
)
