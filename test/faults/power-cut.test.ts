import { expect, test } from '@jest/globals'

import { chooseSeed } from '../programs/stress/chance.js'
import { describeNeeding } from '../support/needs.js'
import { DISTRIBUTION, EXT4, XFS, XFS_IO } from './needs.js'
import { cutPowerAgainAndAgain } from './power-cut.js'

describeNeeding([EXT4, XFS, XFS_IO, DISTRIBUTION], 'the power goes while clients push', () => {
  const seed = chooseSeed('power cuts')

  test.each(['ext4', 'xfs'] as const)(
    'and on %s nothing that was acknowledged is gone',
    async (kind) => {
      const { unfinished, checked } = await cutPowerAgainAndAgain(kind, 4, seed)
      expect(unfinished).toBeGreaterThan(0)
      expect(checked).toBeGreaterThan(20)
    },
    90_000,
  )
})
