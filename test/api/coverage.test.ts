import { expect, test } from '@jest/globals'

import { AFTERWARDS } from './suite/afterwards.js'
import { CHECKS_WITH_DELETES, CHECKS_WITHOUT_DELETES } from './suite/checks.js'
import { rightsChecks } from './suite/rights.js'
import { POINTS } from './suite/points.js'

const CHECKS = [
  ...[...CHECKS_WITH_DELETES, ...CHECKS_WITHOUT_DELETES].flatMap(({ checks }) => checks),
  ...AFTERWARDS,
  ...rightsChecks,
]

test('each line of the checklist and each attack that shows over HTTP has a check', () => {
  const covered = new Set(CHECKS.flatMap(({ covers }) => covers))
  expect(POINTS.filter((point) => !covered.has(point))).toEqual([])
})

test('no two checks have the same title', () => {
  const titles = CHECKS.map(({ title }) => title)
  expect(titles.filter((title, position) => titles.indexOf(title) !== position)).toEqual([])
})
