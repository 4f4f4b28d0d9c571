import { expect, test } from '@jest/globals'

import { expiryOf } from './expiry.js'

const DAY_MS = 24 * 60 * 60 * 1000
const START = new Date('2026-01-01T00:00:00Z')

function atDay(day: number, lifeDays = 397) {
  const at = (days: number): Date => new Date(START.getTime() + days * DAY_MS)
  return expiryOf({ notBefore: START, notAfter: at(lifeDays) }, at(day))
}

test('two thirds of its life a certificate is fine, then it is renewed', () => {
  expect(atDay(0)).toEqual({ state: 'fine', days: 397 })
  expect(atDay(264)).toEqual({ state: 'fine', days: 133 })
  expect(atDay(265)).toEqual({ state: 'renew', days: 132 })
})

test('a month before the end somebody is warned, and after it there is nothing left', () => {
  expect(atDay(367)).toEqual({ state: 'renew', days: 30 })
  expect(atDay(368)).toEqual({ state: 'warn', days: 29 })
  expect(atDay(397)).toEqual({ state: 'warn', days: 0 })
  expect(atDay(397.1)).toEqual({ state: 'expired', days: -1 })
})

test('of a life of six days the box has a day to renew before it warns', () => {
  expect(atDay(3.9, 6).state).toBe('fine')
  expect(atDay(4, 6).state).toBe('renew')
  expect(atDay(5.1, 6).state).toBe('warn')
})

test('one that is not valid yet is warned of', () => {
  expect(atDay(-1)).toEqual({ state: 'warn', days: 398 })
})

test('what counts is the first end in its chain', () => {
  const at = (days: number): Date => new Date(START.getTime() + days * DAY_MS)
  const chained = { notBefore: START, notAfter: at(397), chainEnd: at(20) }
  expect(expiryOf(chained, START)).toEqual({ state: 'warn', days: 20 })
})
