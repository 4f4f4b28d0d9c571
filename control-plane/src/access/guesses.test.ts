import { expect, test } from '@jest/globals'

import { systemClock } from '../system/clock.js'
import { Guesses } from './guesses.js'

function waits(wrongBy: (number: number) => string, then: string): boolean {
  const guesses = new Guesses(systemClock)
  for (let number = 0; number < 10; number++) guesses.note(wrongBy(number), `token-${number}`)
  return guesses.findWait(then, 'another') !== undefined
}

test('one token is guessed ten times in 15 minutes from one address, however slowly; another token has its own ten', () => {
  let nowMs = 0
  const guesses = new Guesses({ ...systemClock, elapsedMs: () => nowMs })
  for (let number = 0; number < 10; number++) {
    expect(guesses.findWait('10.0.0.7', 'a')).toBeUndefined()
    guesses.note('10.0.0.7', 'a')
    nowMs += 70_000
  }
  expect(guesses.findWait('10.0.0.7', 'a')).toBe(200)
  expect(guesses.findWait('10.0.0.7', 'b')).toBeUndefined()
  expect(guesses.findWait('10.0.0.8', 'a')).toBeUndefined()
  nowMs = 15 * 60_000
  expect(guesses.findWait('10.0.0.7', 'a')).toBeUndefined()
})

test('what was right takes nothing', () => {
  const guesses = new Guesses(systemClock)
  for (let number = 0; number < 20; number++) guesses.note('10.0.0.7', 'a')()
  expect(guesses.findWait('10.0.0.7', 'a')).toBeUndefined()
})

test.each([
  ['an IPv4 address', () => '10.0.0.7', '10.0.0.7', '10.0.0.8'],
  ['an IPv4 address, written as IPv6', () => '::ffff:10.0.0.7', '10.0.0.7', '::ffff:10.0.0.8'],
  ['an IPv6 network', (each: number) => `2001:db8::${each}`, '2001:db8:0:0:1:2:3:4', '2001:db8:0:1::1'],
  ['an IPv6 network, written whole', (each: number) => `2001:DB8:1:2:3:4:5:${each}`, '2001:db8:1:2::', '::1'],
])('who guesses by %s waits, and nobody else', (_, wrongBy, same, other) => {
  expect([waits(wrongBy, same), waits(wrongBy, other)]).toEqual([true, false])
})
