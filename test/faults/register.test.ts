import { expect, test } from '@jest/globals'
import fc from 'fast-check'

import { checkDistinctWrites, checkRegister, type Operation } from '../programs/stress/register.js'

function op(kind: Operation['kind'], value: string | undefined, startMs: number, endMs: number): Operation {
  return { kind, value, startMs, endMs }
}

const isLinearizable = (...history: readonly Operation[]): boolean => checkRegister(history).isLinearizable

test('a read answers what was written last', () => {
  expect(isLinearizable(op('write', 'a', 0, 1), op('read', 'a', 2, 3))).toBe(true)
  expect(isLinearizable(op('write', 'a', 0, 1), op('read', undefined, 2, 3))).toBe(false)
  expect(isLinearizable(op('write', 'a', 0, 1), op('write', 'b', 2, 3), op('read', 'a', 4, 5))).toBe(false)
})

test('a read during a write may answer both, but not the new value and then the old one', () => {
  const writes = [op('write', 'a', 0, 1), op('write', 'b', 2, 9)]
  expect(isLinearizable(...writes, op('read', 'a', 3, 4), op('read', 'b', 5, 6))).toBe(true)
  expect(isLinearizable(...writes, op('read', 'b', 3, 4), op('read', 'a', 5, 6))).toBe(false)
  expect(isLinearizable(...writes, op('read', 'b', 3, 5), op('read', 'a', 4, 6))).toBe(true)
})

test('a tag that two pushes move at once ends as one of them, for every reader the same', () => {
  const writes = [op('write', 'a', 0, 9), op('write', 'b', 1, 8)]
  expect(isLinearizable(...writes, op('read', 'a', 10, 11), op('read', 'a', 12, 13))).toBe(true)
  expect(isLinearizable(...writes, op('read', 'a', 10, 11), op('read', 'b', 12, 13))).toBe(false)
})

test('a deleted tag does not come back', () => {
  const past = [op('write', 'a', 0, 1), op('delete', undefined, 2, 3)]
  expect(isLinearizable(...past, op('read', undefined, 4, 5))).toBe(true)
  expect(isLinearizable(...past, op('read', 'a', 4, 5))).toBe(false)
})

test('a conditional removal takes nothing but what it names', () => {
  const past = [op('write', 'a', 0, 1), op('write', 'b', 2, 5), op('delete-if', 'a', 3, 6)]
  expect(isLinearizable(...past, op('read', undefined, 7, 8))).toBe(false)
  expect(isLinearizable(...past, op('read', 'b', 7, 8))).toBe(true)
})

test('a push that a delete crosses may publish again, but only what the delete took', () => {
  const push = op('write', 'b', 2, 9)
  const seen = [op('read', 'b', 3, 3.5), op('read', undefined, 5, 6), op('read', 'b', 7, 8)]
  expect(isLinearizable(push, op('delete-if', 'b', 2.5, 4), ...seen)).toBe(true)
  expect(isLinearizable(push, op('delete', undefined, 2.5, 4), ...seen)).toBe(true)
  expect(isLinearizable(push, ...seen)).toBe(false)
  expect(isLinearizable(op('write', 'b', 2, 4.5), op('delete', undefined, 2.5, 4), ...seen)).toBe(false)
})

test('what a push publishes again just before its answer is there afterwards, unless another push was answered meanwhile', () => {
  const past = [op('write', 'b', 2, 9), op('read', 'b', 3, 3.5), op('delete', undefined, 3.6, 4)]
  expect(isLinearizable(...past, op('read', 'b', 10, 11))).toBe(true)
  expect(isLinearizable(...past, op('read', undefined, 10, 11))).toBe(true)
  expect(isLinearizable(...past, op('write', 'c', 5, 6), op('read', 'b', 10, 11))).toBe(false)
})

test('an unanswered push may have happened, but not both ways, and not later', () => {
  const past = [op('write', 'a', 0, 1), { ...op('write', 'b', 2, 6), isUnanswered: true }]
  expect(isLinearizable(...past, op('read', 'a', 3, 4), op('read', 'b', 9, 10))).toBe(true)
  expect(isLinearizable(...past, op('read', 'a', 7, 8))).toBe(true)
  expect(isLinearizable(...past, op('read', 'b', 3, 4), op('read', 'a', 9, 10))).toBe(false)
  expect(isLinearizable(...past, op('read', 'a', 7, 8), op('read', 'b', 9, 10))).toBe(false)
})

test('every history that a real register makes is accepted, and none that reads the future', () => {
  const step = fc.record({
    kind: fc.constantFrom<Operation['kind']>('write', 'read', 'delete', 'delete-if'),
    value: fc.constantFrom('a', 'b', 'c'),
    before: fc.nat({ max: 3 }),
    after: fc.nat({ max: 3 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
      let held: string | undefined
      const history = steps.map(({ kind, value, before, after }, at): Operation => {
        if (kind === 'write') held = value
        else if (kind === 'delete' || (kind === 'delete-if' && held === value)) held = undefined
        return op(kind, kind === 'read' ? held : value, at - before, at + 0.5 + after)
      })
      expect(checkRegister(history).isLinearizable).toBe(true)
      const unwritten = op('read', 'never', -9, 99)
      expect(checkRegister([...history, unwritten]).isLinearizable).toBe(false)
    }),
  )
})

test('with distinct writes both checks agree about every history', () => {
  const step = fc.record({
    isRead: fc.boolean(),
    read: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
    startMs: fc.nat({ max: 400 }),
    lastsMs: fc.nat({ max: 150 }),
  })
  const seen = new Set<boolean>()
  fc.assert(
    fc.property(fc.array(step, { maxLength: 7 }), (steps) => {
      const history = steps.map(({ isRead, read, startMs, lastsMs }, index): Operation => {
        const value = isRead ? read?.toString() : `${index}`
        // Distinct instants: at equal ones the two may differ about what overlaps.
        return op(
          isRead ? 'read' : 'write',
          value,
          startMs + index / 10,
          startMs + lastsMs + 0.05 + index / 10,
        )
      })
      const { isLinearizable } = checkRegister(history)
      seen.add(isLinearizable)
      expect(checkDistinctWrites(history)).toBe(isLinearizable)
    }),
    { numRuns: 3000 },
  )
  expect(seen.size).toBe(2)
})
