import { expect, test } from '@jest/globals'

import { changeUnderTraffic } from './changes.js'
import { useRunningBox } from './use-running-box.js'

const CHANGES = 1000

const running = useRunningBox()

test('a thousand changes by the API fail no request of clients, and cut no transfer', async () => {
  const { seconds, pushed, ...came } = await changeUnderTraffic(running(), CHANGES)
  process.stdout.write(`${CHANGES} changes in ${seconds.toFixed(0)} s, ${pushed} pushes meanwhile\n`)
  expect(came).toEqual({ failures: [], slowPull: true, slowPush: true })
}, 2_400_000)
