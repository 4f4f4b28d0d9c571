import { expect, test } from '@jest/globals'

import { chooseSeed } from '../programs/stress/chance.js'
import { describeNeeding } from '../support/needs.js'
import { DISTRIBUTION, EXT4, XFS, XFS_IO } from './needs.js'
import { cutPowerAgainAndAgain } from './power-cut.js'

const ROUNDS_A_DISK = 20

describeNeeding([EXT4, XFS, XFS_IO, DISTRIBUTION], 'the power goes a thousand times', () => {
  const seed = chooseSeed('power cuts')

  test.each(['ext4', 'xfs'] as const)(
    'and on %s nothing that was acknowledged is gone',
    async (kind) => {
      // A new disk now and then: this one fills.
      for (let disk = 0; disk < 25; disk += 1)
        expect((await cutPowerAgainAndAgain(kind, ROUNDS_A_DISK, seed + disk)).checked).toBeGreaterThan(50)
    },
    2 * 3_600_000,
  )
})
