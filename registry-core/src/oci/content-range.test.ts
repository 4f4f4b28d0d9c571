import { expect, test } from '@jest/globals'
import { parseContentRange } from './content-range.js'

test.each([
  ['0-0', { first: 0, last: 0 }],
  ['10-19', { first: 10, last: 19 }],
  ['bytes 10-19/20', { first: 10, last: 19 }],
  ['bytes 10-19/*', { first: 10, last: 19 }],
  ['bytes=10-19', { first: 10, last: 19 }],
])('the chunk %s is placed where it says', (text, range) => {
  expect(parseContentRange(text)).toEqual(range)
})

test.each(['', '5', '5-', '-5', '9-5', 'a-b', '0-1x', '1.5-2', '0-99999999999999999'])(
  'the chunk %s is refused as a malformed header',
  (text) => {
    expect(() => parseContentRange(text)).toThrow(/Content-Range/)
  },
)
