import { expect, test } from '@jest/globals'
import { parseChallenges } from './challenge.js'

test.each([
  ['Bearer realm="https://a/t",service="s"', [['bearer', { realm: 'https://a/t', service: 's' }]]],
  ['bearer REALM = "x" , scope="a:b:pull,push"', [['bearer', { realm: 'x', scope: 'a:b:pull,push' }]]],
  [
    'Basic realm="a, Bearer realm=\\"evil\\"", Bearer realm="good"',
    [
      ['basic', { realm: 'a, Bearer realm="evil"' }],
      ['bearer', { realm: 'good' }],
    ],
  ],
  ['Bearer realm=https://a/t,service=s', [['bearer', { realm: 'https://a/t', service: 's' }]]],
  ['Bearer realm="first",realm="second"', [['bearer', { realm: 'first' }]]],
  [
    'Negotiate, Basic realm=x',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  ['realm="nobody"', []],
  ['Bearer realm="open', [['bearer', {}]]],
  ['"', []],
  ['', []],
  [undefined, []],
  [`Bearer realm="${'x'.repeat(9000)}"`, []],
] as const)('%s', (header, expected) => {
  const found = parseChallenges(header).map((one) => [one.scheme, Object.fromEntries(one.parameters)])
  expect(found).toEqual(expected)
})
