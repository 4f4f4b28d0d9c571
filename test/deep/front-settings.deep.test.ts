import { test } from '@jest/globals'

import { expectSoundOrRefused } from '../programs/front-settings-run.js'

test('a hundred thousand settings of the front and of the core are sound files, or refused in words', async () => {
  await expectSoundOrRefused(100_000)
})
