import { afterAll, beforeAll } from '@jest/globals'

import { StateFolder } from '../support/state-folder.js'
import { RunningBox } from './running-box.js'

/** The whole box in a folder of its own, for the tests of one file or `describe`. */
export function useRunningBox(): () => RunningBox {
  let state: StateFolder | undefined
  let box: RunningBox | undefined
  beforeAll(async () => {
    state = new StateFolder()
    box = await RunningBox.open(state.join('box'))
  })
  afterAll(async () => {
    await box?.stop()
    await state?.destroy()
  })
  return () => {
    if (!box) throw new Error('the box is not there yet')
    return box
  }
}
