import path from 'node:path'
import { expect, test } from '@jest/globals'

import { MINUTE_MS } from '../support/deep-minutes.js'
import { describeNeeding } from '../support/needs.js'
import { runToEnd } from '../support/processes.js'

const NEEDS = [
  { program: 'nginx', debianPackage: 'nginx-light' },
  { program: 'openssl', debianPackage: 'openssl' },
]
const CHANGES = 1000

describeNeeding(NEEDS, 'many changes of the configuration', () => {
  test(
    `${CHANGES} of them under load fail no request and cut no transfer`,
    async () => {
      const file = path.join(import.meta.dirname, '../programs/changes.js')
      const { code, stdout, stderr } = await runToEnd(process.execPath, [file, '--changes', String(CHANGES)])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      process.stdout.write(stdout)
      expect(JSON.parse(stdout)).toMatchObject({ applied: CHANGES, failed: [] })
    },
    60 * MINUTE_MS,
  )
})
