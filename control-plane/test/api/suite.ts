import { afterAll, beforeAll, describe } from '@jest/globals'

import type { ApiStage } from '../support/api-stage.js'

/** Opens a control plane on a database of its own. */
export type OpenStage = () => Promise<ApiStage>

/** Tests that share one control plane. */
export function describeOn(title: string, open: OpenStage, tests: (stage: () => ApiStage) => void): void {
  describe(title, () => {
    let stage: ApiStage | undefined
    beforeAll(async () => {
      stage = await open()
    })
    afterAll(async () => stage?.close())
    tests(() => {
      if (stage === undefined) throw new Error('asked before the tests began')
      return stage
    })
  })
}
