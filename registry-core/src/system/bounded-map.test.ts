import { expect, test } from '@jest/globals'
import { BoundedMap } from './bounded-map.js'
import { systemClock } from './clock.js'
import { RecentMap } from './recent-map.js'

test('a bounded map forgets what was set first, and what is set again is the newest', () => {
  const map = new BoundedMap<number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  map.set('c', 4)
  expect([...map.entries()]).toEqual([
    ['a', 3],
    ['c', 4],
  ])
})

test('a recent map forgets the oldest when it is full, and each when its time is over', () => {
  let nowMs = 0
  const map = new RecentMap<string>({
    clock: { ...systemClock, elapsedMs: () => nowMs },
    forMs: 10,
    limit: 2,
  })
  for (const key of ['a', 'b', 'c']) {
    map.set(key, `what ${key} is`)
    nowMs += 4
  }
  expect(map.values()).toEqual(['what b is', 'what c is'])
  expect(map.get('a')).toBeUndefined()
  nowMs = 14
  expect(map.get('b')).toBeUndefined()
  expect(map.get('c')).toBe('what c is')
  expect(map.values()).toEqual(['what c is'])
  nowMs = 18
  expect(map.get('c')).toBeUndefined()
  expect(map.size).toBe(0)
})
