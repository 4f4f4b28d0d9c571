import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { digestOfBytes, digestsIn, findDigest, isDigestOfNothing, parseDigest } from './digest.js'
import { RegistryError } from './failure.js'

const A = digestOfBytes('sha256', Buffer.from('a'))
const B = digestOfBytes('sha512', Buffer.from('b'))

test('both algorithms are digests', () => {
  expect([parseDigest(A), parseDigest(B)]).toEqual([A, B])
})

test.each([
  'sha256:../../x',
  A.toUpperCase(),
  A.slice(0, -1),
  `${A}0`,
  'md5:d41d8cd98f00b204e9800998ecf8427e',
  '',
  `${A}\n`,
  B.replace('sha512', 'sha256'),
])('"%s" is none', (text) => {
  expect(() => parseDigest(text)).toThrow(RegistryError)
  expect(findDigest(text)).toBeUndefined()
})

test('digests are found in any text, each once, and never inside longer ones', () => {
  expect([...digestsIn(`"${A}","${A}" x${B}y ${A}ff`)]).toEqual([A, B])
})

test('only the digest of no bytes is that of nothing', () => {
  expect(isDigestOfNothing(digestOfBytes('sha256', Buffer.alloc(0)))).toBe(true)
  expect(isDigestOfNothing(digestOfBytes('sha512', Buffer.alloc(0)))).toBe(true)
  expect(isDigestOfNothing(A)).toBe(false)
})

test('what is made from bytes can be parsed', () => {
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.constantFrom('sha256' as const, 'sha512' as const),
      (bytes, algorithm) => {
        const digest = digestOfBytes(algorithm, bytes)
        expect(parseDigest(digest)).toBe(digest)
      },
    ),
  )
})
