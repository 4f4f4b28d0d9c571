import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { StateFolder } from '../support/state-folder.js'
import { changeUnderTraffic } from './changes.js'
import { RunningBox } from './running-box.js'

/** A second each; `changes.deep.test.ts` makes a thousand. */
const CHANGES = 40

let state: StateFolder
let box: RunningBox

beforeAll(async () => {
  state = new StateFolder()
  box = await RunningBox.open(state.join('box'))
})
afterAll(async () => {
  await box.stop()
  await state.destroy()
})

test('forty changes by the API fail no request of clients, and cut no transfer', async () => {
  const { seconds, pushed, ...came } = await changeUnderTraffic(box, CHANGES)
  process.stdout.write(`${CHANGES} changes in ${seconds.toFixed(0)} s, ${pushed} pushes meanwhile\n`)
  expect(came).toEqual({ failures: [], slowPull: true, slowPush: true })
}, 480_000)
