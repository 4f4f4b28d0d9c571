import { expect, test } from '@jest/globals'
import { FairQueue } from './fair-queue.js'

function drained(queue: FairQueue<string>): readonly string[] {
  const taken: string[] = []
  for (let one = queue.take(); one !== undefined; one = queue.take()) taken.push(one)
  return taken
}

test('addresses take turns, and each is served in its own order', () => {
  const queue = new FairQueue<string>(10)
  for (const one of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'])
    expect(queue.add(one.slice(0, 1), one)).toBeUndefined()
  expect([queue.countOf('a'), queue.countOf('d')]).toEqual([3, 0])
  expect(drained(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  expect(queue.countOf('a')).toBe(0)
})

test('when it is full, the address that has most gives a place away', () => {
  const queue = new FairQueue<string>(3)
  for (const one of ['a1', 'a2', 'a3']) queue.add('a', one)
  expect(queue.add('a', 'a4')).toBe('a4')
  expect(queue.add('b', 'b1')).toBe('a3')
  expect(queue.add('c', 'c1')).toBe('a2')
  expect(queue.add('d', 'd1')).toBe('d1')
  expect(drained(queue)).toEqual(['a1', 'b1', 'c1'])
})

test('who waits no longer takes no turn, and gives the place back', () => {
  const queue = new FairQueue<string>(2)
  for (const one of ['a1', 'a2']) queue.add('a', one)
  queue.remove('a', 'a1')
  queue.remove('a', 'a1')
  expect(queue.add('b', 'b1')).toBeUndefined()
  expect(drained(queue)).toEqual(['a2', 'b1'])
})
