import { expect, test } from '@jest/globals'
import { parse } from 'yaml'

import { asYaml, printable, written } from './output.js'

const HOSTILE = 'a\u009b2J\u007f\u0085b\u202ec\u2066d\u200f'
const STEERS = /[\u007f-\u009f\u200f\u202e\u2066]/
const VALUE = { [HOSTILE]: HOSTILE, list: [`${HOSTILE}\nsecond line\n`, 'é: fine', 1, null] }

test('what steers a terminal is escaped in JSON and YAML, which mean the same', () => {
  const json = written({ value: VALUE, text: '' }, 'json')
  const yaml = written({ value: VALUE, text: '' }, 'yaml')
  expect(json).not.toMatch(STEERS)
  expect(yaml).not.toMatch(STEERS)
  expect(JSON.parse(json)).toEqual(VALUE)
  expect(parse(yaml)).toEqual(VALUE)
  expect(json).toContain('"a\\u009b2J\\u007f\\u0085b\\u202ec')
})

test('other text stands as it is', () => {
  expect(asYaml({ name: 'é ü', lines: 'one\ntwo\n' })).toBe('name: é ü\nlines: |\n  one\n  two\n')
})

test('for people each is a question mark', () => {
  expect(printable(HOSTILE)).toBe('a?2J??b?c?d?')
})
