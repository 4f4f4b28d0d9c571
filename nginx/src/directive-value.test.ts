import { expect, test } from '@jest/globals'
import fc from 'fast-check'

import { directiveValue, quotedPattern } from './directive-value.js'
import { parseDirectives } from './directives.js'

test.each([
  ' ',
  '"',
  "'",
  '`',
  ';',
  '{',
  '}',
  '\\',
  '#',
  '$',
  '\n',
  '\r',
  '\t',
  '\0',
  '\u00a0',
  '\u2028',
  '\ufeff',
])('a value with %j is refused', (mark) => {
  for (const text of [mark, `a${mark}`, `${mark}a`, `a${mark}b`]) {
    expect(() => directiveValue('setting', text)).toThrow(
      expect.objectContaining({ setting: 'setting', found: text }),
    )
  }
})

test('an empty value is refused', () => {
  expect(() => directiveValue('setting', '')).toThrow('setting: ""')
})

test('whatever passes is one word of one directive, unchanged', () => {
  const passing = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => {
    try {
      directiveValue('setting', text)
      return true
    } catch {
      return false
    }
  })
  fc.assert(
    fc.property(passing, (text) => {
      const directives = parseDirectives(`before a;\nname ${directiveValue('setting', text)};\nafter b;`)
      expect(directives.map(({ name, args }) => [name, ...args])).toEqual([
        ['before', 'a'],
        ['name', text],
        ['after', 'b'],
      ])
    }),
  )
})

test('a pattern comes out of nginx’s quotes as it was', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('\\', '"', "'", 'n', 't', ';', '{', '}', '$', '#', ' ') }),
      (pattern) => {
        const [directive] = parseDirectives(`map "~${quotedPattern(pattern)}" 0;`)
        expect(directive?.args).toEqual([`~${pattern}`, '0'])
      },
    ),
  )
})
