import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { expect, test } from '@jest/globals'

/** The numbered attacks and faults that a mirror answers for; titles of tests name them in brackets. */
const ROWS = [
  ...[22, 23, 31, 33, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 72, 73, 77].map(
    (row) => `attack ${row}`,
  ),
  ...[10, 29, 30, 31, 32, 33].map((row) => `fault ${row}`),
]

test('each attack on a mirror and each fault of an upstream has a test', () => {
  const folder = import.meta.dirname
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith('.test.js') && name !== path.basename(import.meta.filename))
    .map((name) => readFileSync(path.join(folder, name), 'utf8'))
  const named = new Set(texts.flatMap((text) => text.match(/\b(?:attack|fault) \d+(?=[,)])/g) ?? []))
  expect(ROWS.filter((row) => !named.has(row))).toEqual([])
})
