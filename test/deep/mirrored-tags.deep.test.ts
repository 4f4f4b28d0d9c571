import path from 'node:path'
import { expect, test } from '@jest/globals'

import { chooseSeed } from '../programs/stress/chance.js'
import { DEEP_MINUTES, DEEP_TIMEOUT_MS } from '../support/deep-minutes.js'
import { runToEnd } from '../support/processes.js'

const PROGRAM = path.join(import.meta.dirname, '../programs/fetched-tags.js')
test(
  'every crossing of two that write a mirrored tag, and as many longer ones as there is time for',
  async () => {
    const options = [
      '--seed',
      String(chooseSeed('mirrored tags')),
      '--runs',
      '1000000',
      '--seconds',
      String(DEEP_MINUTES * 60),
    ]
    const { code, stdout, stderr } = await runToEnd(process.execPath, [PROGRAM, ...options])
    process.stdout.write(stdout)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ found: [] })
  },
  DEEP_TIMEOUT_MS,
)
