import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from '@jest/globals'

import { parseBasic } from '#core/access/authorization.js'
import { Misses } from '#core/access/misses.js'
import { Remembered } from '#core/access/remembered.js'
import { systemRandom } from '#core/system/random.js'

import { FakeClock } from '../fake-clock.js'
import { basic } from './parts.js'

const MIB = 1024 * 1024

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed
}

test('wrong logins with long names and passwords leave nothing of them in memory', () => {
  const misses = new Misses({ clock: new FakeClock() })
  const long = 'x'.repeat(60_000)
  const before = heapBytes()
  for (let at = 0; at < 500; at += 1)
    for (const header of [basic(`${at}-${long}`), basic(`a-name-of-some-length-${at}`, long)])
      misses.count(parseBasic(header.slice('Basic '.length)).name, '192.0.2.1')
  expect(heapBytes() - before).toBeLessThan(8 * MIB)
  misses.check('somebody else', '192.0.2.1')
})

test('what is remembered of long tokens is as much as of short ones: the oldest go first', () => {
  const remembered = new Remembered<number>({ clock: new FakeClock(), random: systemRandom })
  for (let at = 0; at < 600; at += 1) remembered.keep(`long-${at}`, at, 60_000, 32 * 1024)
  const known = Array.from({ length: 600 }, (_, at) => remembered.find(`long-${at}`))
  expect(known.filter((one) => one !== undefined)).toHaveLength(256)
  expect(known.at(-1)).toBe(599)
  remembered.forgetAll()
  for (let at = 0; at < 600; at += 1) remembered.keep(`short-${at}`, at, 60_000, 400)
  expect(remembered.find('short-0')).toBe(0)
})
