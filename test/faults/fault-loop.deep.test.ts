import { expect, test } from '@jest/globals'

import { describeNeeding } from '../support/needs.js'
import { FaultLoop } from './fault-loop.js'
import { DISTRIBUTION, STRACE } from './needs.js'
import { storeFolder } from './served.js'

const HOUR_MS = 3_600_000

describeNeeding([STRACE, DISTRIBUTION], 'one registry, every fault at every call', () => {
  test.each(['EIO', 'ENOSPC', 'EROFS', 'EMFILE', 'EDQUOT', 'ENOMEM'])(
    'each call that fails with %s is a refusal in words',
    async (error) => {
      using store = storeFolder()
      const loop = await FaultLoop.start(store.root)
      try {
        const points = await loop.record()
        const { hit } = await loop.failAt(
          points.filter(({ call }) => call !== 'write'),
          error,
        )
        expect(hit).toBeGreaterThan(points.length / 2)
      } finally {
        await loop.stop()
      }
    },
    HOUR_MS,
  )

  test(
    'killed before each call, it has kept what it acknowledged',
    async () => {
      using store = storeFolder()
      const loop = await FaultLoop.start(store.root)
      try {
        const points = await loop.record()
        const { hit } = await loop.killAt(points)
        expect(hit).toBeGreaterThan(points.length * 0.8)
      } finally {
        await loop.stop()
      }
    },
    HOUR_MS,
  )
})
