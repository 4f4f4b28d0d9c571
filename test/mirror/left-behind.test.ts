import { afterAll, beforeAll, test } from '@jest/globals'
import fc from 'fast-check'

import { openStage, type Stage } from './left-behind/stage.js'
import { storiesAt } from './left-behind/player.js'

/** ENTREPOT_SEED tries other stories, ENTREPOT_RUNS more; a night of them is left-behind.deep.test.ts. */
const SEED = Number(process.env['ENTREPOT_SEED'] ?? '1')
/** `npm test` keeps to ten minutes on a stranger's machine. */
const STORIES = Number(process.env['ENTREPOT_RUNS'] ?? (process.env['CI'] === 'true' ? '25' : '10'))

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

test(`what an upstream leaves behind is seen by whom ADR 13 says, in ${STORIES} stories`, async () => {
  process.stderr.write(`left behind: ENTREPOT_SEED=${SEED}\n`)
  await fc.assert(storiesAt(stage), { seed: SEED, numRuns: STORIES })
}, 300_000)
