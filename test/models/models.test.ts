import path from 'node:path'

import { expect, test } from '@jest/globals'

import { describeNeeding } from '../support/needs.js'
import { runToEnd } from '../support/processes.js'

const CHECK = path.join(import.meta.dirname, '../../models/check.sh')

describeNeeding(
  [
    { program: 'spin', debianPackage: 'spin' },
    { program: 'cc', debianPackage: 'gcc' },
  ],
  'the models of the collection protocol',
  () => {
    test('hold, and each variant that should lose something does', async () => {
      const { code, stdout, stderr } = await runToEnd('sh', [CHECK])
      expect(stderr).toBe('')
      expect(stdout).not.toContain('UNEXPECTED')
      expect(stdout).toMatch(/^[1-9]\d* as expected, 0 not$/m)
      expect(code).toBe(0)
    }, 600_000)
  },
)
