import { expect, test } from '@jest/globals'

import { size } from './checked-values.js'

test.each(['0', '17179869184', '999999999999', '16384m', '16G', '999999999g'])('%s is a size', (text) => {
  expect(size('maxUploadSize', text)).toBe(text)
})

test.each(['', '016k', '0k', '1000000000g', '1000000000000', '1.5g'])('"%s" is none', (text) => {
  expect(() => size('maxUploadSize', text)).toThrow('maxUploadSize')
})
