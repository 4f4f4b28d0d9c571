import { expect, test } from '@jest/globals'

import { chooseSeed } from '../programs/stress/chance.js'
import { DEEP_MINUTES, DEEP_TIMEOUT_MS, deepRounds } from '../support/deep-minutes.js'
import { describeNeeding } from '../support/needs.js'
import { DISTRIBUTION, EXT4, XFS, XFS_IO } from './needs.js'
import { cutPowerAgainAndAgain } from './power-cut.js'

const CUTS_A_DISK = 20

describeNeeding([EXT4, XFS, XFS_IO, DISTRIBUTION], `the power goes for ${DEEP_MINUTES} minutes`, () => {
  const seed = chooseSeed('power cuts')

  test.each(['ext4', 'xfs'] as const)(
    'and on %s nothing that was acknowledged is gone',
    async (kind) => {
      const sum = { cuts: 0, unfinished: 0, checked: 0 }
      // A new disk now and then: this one fills.
      for (const disk of deepRounds()) {
        const { cuts, unfinished, checked } = await cutPowerAgainAndAgain(kind, CUTS_A_DISK, seed + disk)
        expect(checked).toBeGreaterThan(50)
        sum.cuts += cuts
        sum.unfinished += unfinished
        sum.checked += checked
      }
      process.stdout.write(`power cuts, ${kind}: ${JSON.stringify(sum)}\n`)
      expect(sum.unfinished).toBeGreaterThan(sum.cuts / 2)
    },
    DEEP_TIMEOUT_MS,
  )
})
