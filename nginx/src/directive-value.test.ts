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

test('a text is refused, or is one word of one directive, unchanged', () => {
  const unit = fc.oneof(
    fc.constantFrom('/', '-', ':', '=', '~', '%', '*', 'é', '倉', '🚢'),
    fc.string({ maxLength: 1 }),
  )
  let accepted = 0
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      const value = acceptedValue(text)
      if (value === undefined) return
      accepted += 1
      const directives = parseDirectives(`before a;\nname ${value};\nafter b;`)
      const words = directives.map(({ name, args }) => [name, ...args])
      expect(words).toEqual([
        ['before', 'a'],
        ['name', text],
        ['after', 'b'],
      ])
    }),
    { numRuns: 1000 },
  )
  expect(accepted).toBeGreaterThan(100)
})

function acceptedValue(text: string): string | undefined {
  try {
    return directiveValue('setting', text)
  } catch {
    return undefined
  }
}

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
