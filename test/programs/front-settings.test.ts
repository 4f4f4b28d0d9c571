import { test } from '@jest/globals'

import { expectSoundOrRefused } from './front-settings-run.js'

/** Four milliseconds each; `test/deep/front-settings.deep.test.ts` makes a hundred thousand. */
const SAMPLES = process.env['CI'] === 'true' ? 20_000 : 2000

test(`${SAMPLES} settings of the front and of the core are sound files, or refused in words`, async () => {
  await expectSoundOrRefused(SAMPLES)
}, 600_000)
