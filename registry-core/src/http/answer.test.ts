import { expect, test } from '@jest/globals'
import { warningHeader } from './answer.js'

test('sentences become warnings of code 299, quoted', () => {
  expect(warningHeader(['a "b"', 'c'])).toEqual({ Warning: '299 - "a \\"b\\"", 299 - "c"' })
})

test('no sentence, no header', () => {
  expect(warningHeader([])).toEqual({})
})

test('warnings never grow beyond 4096 bytes, nor hold what a header may not', () => {
  const { Warning: header = '' } = warningHeader([
    'é\r\nX: y',
    ...Array.from({ length: 100 }, () => 'w'.repeat(100)),
  ])
  expect(header.length).toBeLessThanOrEqual(4096)
  expect(header).toMatch(/^[\x20-\x7e]*$/)
  expect(header.startsWith('299 - "???X: y", 299 - ')).toBe(true)
})
