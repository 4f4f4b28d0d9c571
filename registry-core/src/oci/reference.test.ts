import { expect, test } from '@jest/globals'
import { digestOfBytes } from './digest.js'
import { isRegistryError } from './failure.js'
import { parseReference, referenceText } from './reference.js'
import { findRepositoryName } from './repository.js'

const A = digestOfBytes('sha256', Buffer.from('a'))

function failureOf(text: string): string {
  try {
    parseReference(text)
    return 'none'
  } catch (error) {
    return isRegistryError(error) ? error.failure : 'another error'
  }
}

test('a reference is a tag or a digest, never both', () => {
  expect(parseReference('v1')).toEqual({ kind: 'tag', tag: 'v1' })
  expect(parseReference(A)).toEqual({ kind: 'digest', digest: A })
  expect([parseReference('v1'), parseReference(A)].map(referenceText)).toEqual(['v1', A])
})

test('what has a colon was meant as a digest, all else as a tag', () => {
  expect(failureOf('sha256:00')).toBe('digest-malformed')
  expect(failureOf('../x')).toBe('tag-invalid')
  expect(failureOf('a'.repeat(129))).toBe('tag-invalid')
  expect(failureOf('a'.repeat(128))).toBe('none')
  expect(failureOf('.hidden')).toBe('tag-invalid')
})

test.each(['a', 'a/b', 'a__b/c-d.e', 'a--b', '0/1', 'a/manifests/b', 'x/blobs/uploads', 'a'.repeat(255)])(
  '"%s" is a repository name',
  (name) => {
    expect(findRepositoryName(name)).toBe(name)
  },
)

test.each([
  '',
  'A',
  'a//b',
  '/a',
  'a/',
  'a..b',
  '-a',
  'a-',
  'a___b',
  '_uploads',
  'a/_layers',
  'a b',
  'ä',
  'a'.repeat(256),
  'a\n',
])('"%s" is none', (name) => {
  expect(findRepositoryName(name)).toBeUndefined()
})
