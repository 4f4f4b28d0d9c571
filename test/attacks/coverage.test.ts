import { readFileSync } from 'node:fs'
import path from 'node:path'

import { expect, test } from '@jest/globals'

import { CHECKS_WITH_DELETES } from '../api/suite/checks.js'
import { ROWS, rowsOfChecks, SHOWN } from './rows.js'

const ROOT = path.join(import.meta.dirname, '../../..')

test('each attack by a request and on the admin API is shown through the front of a box', () => {
  const byChecks = CHECKS_WITH_DELETES.flatMap(({ checks }) =>
    checks.flatMap(({ covers }) => rowsOfChecks(covers)),
  )
  const shown = new Set([...byChecks, ...Object.keys(SHOWN).map(Number)])
  expect(ROWS.filter((row) => !shown.has(row))).toEqual([])
})

test('each test that the table names is there', () => {
  const missing = Object.values(SHOWN)
    .flat()
    .filter(({ file, title }) => !readFileSync(path.join(ROOT, file), 'utf8').includes(title))
  expect(missing).toEqual([])
})
