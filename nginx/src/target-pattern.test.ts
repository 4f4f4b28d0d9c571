import { queryPattern, targetPattern } from '@entrepot/registry-core/contract'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'

import { acceptableRequestTarget } from './target-pattern.js'

const PATH = new RegExp(targetPattern)
const QUERY = new RegExp(queryPattern)
const BOTH = new RegExp(acceptableRequestTarget)

/** What the contract says of a target, part by part. */
function isAcceptable(target: string): boolean {
  const mark = target.indexOf('?')
  if (mark < 0) return PATH.test(target)
  return PATH.test(target.slice(0, mark)) && QUERY.test(target.slice(mark + 1))
}

test('the one line for nginx accepts exactly what the contract accepts', () => {
  const words = '/ // . .. /.. /../ /./ %3A %3a %2F %2f % %zz ? # \\ ; $ " & = a Z 9 - _ : /v2/ blobs é'
  const piece = fc.constantFrom(...words.split(' '), ' ', '\n')
  const verdicts = new Set<boolean>()
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const target = `/${pieces.join('')}`
      const verdict = isAcceptable(target)
      verdicts.add(verdict)
      expect([target, BOTH.test(target)]).toEqual([target, verdict])
    }),
    { numRuns: 5000 },
  )
  expect(verdicts.size).toBe(2)
})

test.each(['/v2/..?n=1', '/v2/.?', '/..?', '/v2/a/..?x'])(
  '%s is not saved by its question mark',
  (target) => {
    expect(BOTH.test(target)).toBe(false)
  },
)
