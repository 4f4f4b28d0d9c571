import { expect, test } from '@jest/globals'

import { parseDigest } from '#core/oci/digest.js'

import { isLinearizable, type TagEvent, type TagOperation } from './history.js'

const ONE = parseDigest(`sha256:${'1'.repeat(64)}`)
const TWO = parseDigest(`sha256:${'2'.repeat(64)}`)

function event(begunAt: number, endedAt: number, operation: TagOperation): TagEvent {
  return { begunAt, endedAt, operation }
}

test('a read sees the last write that was answered before it', () => {
  const writes = [event(1, 2, { kind: 'write', value: ONE }), event(3, 4, { kind: 'write', value: TWO })]
  expect(isLinearizable([...writes, event(5, 6, { kind: 'read', value: TWO })], 'absent')).toBe(true)
  expect(isLinearizable([...writes, event(5, 6, { kind: 'read', value: ONE })], 'absent')).toBe(false)
})

test('a read beside a write sees the old or the new value, and no later read goes back', () => {
  const write = event(1, 9, { kind: 'write', value: ONE })
  const reads = (first: typeof ONE | 'absent', second: typeof ONE | 'absent'): TagEvent[] => [
    write,
    event(2, 3, { kind: 'read', value: first }),
    event(4, 5, { kind: 'read', value: second }),
  ]
  expect(isLinearizable(reads('absent', ONE), 'absent')).toBe(true)
  expect(isLinearizable(reads(ONE, 'absent'), 'absent')).toBe(false)
})

test('a write without an answer may take effect late, or never', () => {
  const lost = event(1, Number.POSITIVE_INFINITY, { kind: 'write', value: ONE })
  expect(isLinearizable([lost, event(5, 6, { kind: 'read', value: 'absent' })], 'absent')).toBe(true)
  expect(isLinearizable([lost, event(5, 6, { kind: 'read', value: ONE })], 'absent')).toBe(true)
})

test('a write that was answered is not gone unless somebody removed it', () => {
  const write = event(1, 2, { kind: 'write', value: ONE })
  const read = event(5, 6, { kind: 'read', value: 'absent' })
  expect(isLinearizable([write, read], 'absent')).toBe(false)
  expect(isLinearizable([write, event(3, 4, { kind: 'delete', wasThere: true }), read], 'absent')).toBe(true)
  const take = (value: typeof ONE, must: boolean): TagEvent => event(3, 4, { kind: 'take', value, must })
  expect(isLinearizable([write, take(ONE, true), read], 'absent')).toBe(true)
  expect(isLinearizable([write, take(TWO, false), read], 'absent')).toBe(false)
  expect(isLinearizable([write, take(ONE, false), read], 'absent')).toBe(false)
  expect(isLinearizable([write, take(TWO, true)], 'absent')).toBe(false)
})

test('what was removed beside a push that goes on may stand again when the push is answered, not after it', () => {
  const write = event(1, 6, { kind: 'write', value: ONE })
  const take = (begunAt: number): TagEvent =>
    event(begunAt, begunAt + 1, { kind: 'take', value: ONE, must: true })
  const read = event(11, 12, { kind: 'read', value: ONE })
  expect(isLinearizable([write, take(2), read], 'absent')).toBe(true)
  expect(isLinearizable([write, take(8), read], 'absent')).toBe(false)
})

test('what is removed beside a push may be published again as often as it is removed', () => {
  const write = event(1, 20, { kind: 'write', value: ONE })
  const take = (begunAt: number): TagEvent =>
    event(begunAt, begunAt + 1, { kind: 'take', value: ONE, must: true })
  const read = event(21, 22, { kind: 'read', value: ONE })
  expect(isLinearizable([write, take(2), take(6), read], 'absent')).toBe(true)
  expect(isLinearizable([write, take(2), take(6), take(10), read], 'absent')).toBe(true)
  expect(isLinearizable([write, take(2), take(6), take(23), event(25, 26, read.operation)], 'absent')).toBe(
    false,
  )
})

test('what is published again replaces nothing', () => {
  const older = event(1, 20, { kind: 'write', value: ONE })
  const newer = event(4, 5, { kind: 'write', value: TWO })
  const take = event(10, 11, { kind: 'take', value: ONE, must: false })
  const read = (value: typeof ONE, at: number): TagEvent => event(at, at + 1, { kind: 'read', value })
  expect(isLinearizable([older, read(ONE, 2), newer, read(TWO, 6), take], 'absent')).toBe(true)
  expect(isLinearizable([older, read(ONE, 2), newer, read(TWO, 6), take, read(ONE, 21)], 'absent')).toBe(
    false,
  )
})

test('a remover that answers "changed" has taken nothing but what an unanswered push will bring back', () => {
  const write = event(1, 2, { kind: 'write', value: ONE })
  const beside = event(3, 9, { kind: 'write', value: TWO })
  const take = event(4, 8, { kind: 'take', value: ONE, must: false })
  const read = (value: typeof ONE | 'absent', at: number): TagEvent =>
    event(at, at + 1, { kind: 'read', value })
  expect(isLinearizable([write, take, read('absent', 11)], 'absent')).toBe(false)
  expect(isLinearizable([write, beside, take, read('absent', 11)], 'absent')).toBe(false)
  expect(isLinearizable([write, beside, take, read('absent', 6), read(TWO, 11)], 'absent')).toBe(true)
})
