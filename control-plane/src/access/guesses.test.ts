import { expect, test } from '@jest/globals'

import { systemClock } from '../system/clock.js'
import { Guesses } from './guesses.js'

function waits(wrongBy: (number: number) => string, then: string): boolean {
  const guesses = new Guesses(systemClock)
  for (let number = 0; number < 10; number++) guesses.note(wrongBy(number))
  return guesses.findWait(then) !== undefined
}

test.each([
  ['an IPv4 address', () => '10.0.0.7', '10.0.0.7', '10.0.0.8'],
  ['an IPv4 address, written as IPv6', () => '::ffff:10.0.0.7', '10.0.0.7', '::ffff:10.0.0.8'],
  ['an IPv6 network', (each: number) => `2001:db8::${each}`, '2001:db8:0:0:1:2:3:4', '2001:db8:0:1::1'],
  ['an IPv6 network, written whole', (each: number) => `2001:DB8:1:2:3:4:5:${each}`, '2001:db8:1:2::', '::1'],
])('who guesses by %s waits, and nobody else', (_, wrongBy, same, other) => {
  expect([waits(wrongBy, same), waits(wrongBy, other)]).toEqual([true, false])
})
