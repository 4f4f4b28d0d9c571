import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseByteRange } from './byte-range.js'

describe('a Range header', () => {
  test.each([
    ['bytes=0-0', { first: 0, last: 0 }],
    ['bytes=0-', { first: 0, last: 9 }],
    ['bytes=3-5', { first: 3, last: 5 }],
    ['bytes=3-99999999999999999999999', { first: 3, last: 9 }],
    ['bytes=-4', { first: 6, last: 9 }],
    ['bytes=-400', { first: 0, last: 9 }],
    ['bytes=1-2, 4-5', { first: 1, last: 5 }],
    ['bytes=8-, 0-1', { first: 0, last: 9 }],
    ['bytes=4-5,100-', { first: 4, last: 5 }],
    ['BYTES=1-2', { first: 1, last: 2 }],
  ])('%s of ten bytes asks for what it says', (header, range) => {
    expect(parseByteRange(header, 10)).toEqual(range)
  })

  test.each([
    'bytes=10-',
    'bytes=10-20',
    'bytes=5-4',
    'bytes=-0',
    'bytes=',
    'bytes=a-b',
    'bytes=-',
    'bytes=1',
    'bytes=1-2,x',
  ])('%s of ten bytes cannot be satisfied', (header) => {
    expect(parseByteRange(header, 10)).toBe('unsatisfiable')
  })

  test.each([undefined, 'items=0-1', '', 'bytes'])('%s asks for no range', (header) => {
    expect(parseByteRange(header, 10)).toBeUndefined()
  })

  test('ten thousand ranges are refused at once', () => {
    expect(parseByteRange(`bytes=${'0-1,'.repeat(10_000)}0-1`, 10)).toBe('unsatisfiable')
  })

  test('never reaches outside the content', () => {
    const bound = fc.option(fc.nat(60), { nil: '' })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(bound, bound), { minLength: 1, maxLength: 4 }),
        fc.nat(50),
        (parts, size) => {
          const range = parseByteRange(`bytes=${parts.map((part) => part.join('-')).join(',')}`, size)
          if (range === undefined || range === 'unsatisfiable') return
          expect(range.first).toBeGreaterThanOrEqual(0)
          expect(range.first).toBeLessThanOrEqual(range.last)
          expect(range.last).toBeLessThan(size)
        },
      ),
    )
  })
})
