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
  'the larger models of the collection protocol (7 GB of memory)',
  () => {
    test('hold too', async () => {
      const { code, stdout } = await runToEnd('sh', [CHECK, '--full'])
      process.stdout.write(stdout)
      expect(stdout).not.toContain('UNEXPECTED')
      expect(stdout).toMatch(/^[1-9]\d* as expected, 0 not$/m)
      expect(code).toBe(0)
    }, 3_600_000)
  },
)
