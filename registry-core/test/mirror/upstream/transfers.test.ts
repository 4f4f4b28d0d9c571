import { describe, expect, test } from '@jest/globals'
import { openGate, openPace, type Transfer } from '#core/mirror/upstream/transfers.js'
import { FakeClock, outcome, turn } from '../../fake-clock.js'

const NEVER = new AbortController().signal

/** Enters each transfer, in this order, behind one that runs; answers in which order they get their turn. */
async function orderOf(
  transfers: readonly (Transfer & { readonly name: string })[],
): Promise<readonly string[]> {
  const gate = openGate(1)
  const leaveFirst = await gate.enter({ repository: 'first', sizeBytes: undefined }, NEVER)
  const order: string[] = []
  const all = transfers.map(async (transfer) => {
    const leave = await gate.enter(transfer, NEVER)
    order.push(transfer.name)
    leave()
  })
  leaveFirst()
  await Promise.all(all)
  return order
}

const SMALL = 1000
const LARGE = 50_000_000

describe('the gate', () => {
  test('lets so many through, and the next when one leaves', async () => {
    const gate = openGate(2)
    const leaves = await Promise.all([1, 2].map(() => gate.enter({ repository: 'a', sizeBytes: 1 }, NEVER)))
    let isThrough = false
    const third = gate.enter({ repository: 'a', sizeBytes: 1 }, NEVER).then(() => (isThrough = true))
    await turn()
    expect(isThrough).toBe(false)
    leaves[0]?.()
    await third
  })
  test('a place that is given back twice is given back once', async () => {
    const gate = openGate(1)
    const leave = await gate.enter({ repository: 'a', sizeBytes: 1 }, NEVER)
    leave()
    leave()
    await gate.enter({ repository: 'a', sizeBytes: 1 }, NEVER)
    let isThrough = false
    void gate.enter({ repository: 'a', sizeBytes: 1 }, NEVER).then(() => (isThrough = true))
    await turn()
    expect(isThrough).toBe(false)
  })
  test('small ones go first, unknown sizes are large', async () => {
    const order = await orderOf([
      { name: 'large', repository: 'a', sizeBytes: LARGE },
      { name: 'unknown', repository: 'a', sizeBytes: undefined },
      { name: 'small', repository: 'a', sizeBytes: SMALL },
    ])
    expect(order).toEqual(['small', 'large', 'unknown'])
  })
  test('large ones do not starve behind small ones', async () => {
    const small = Array.from({ length: 20 }, () => ({ name: 'small', repository: 'a', sizeBytes: SMALL }))
    const order = await orderOf([...small, { name: 'large', repository: 'b', sizeBytes: LARGE }])
    expect(order.indexOf('large')).toBeLessThan(4)
  })
  test('repositories take turns', async () => {
    const many = ['a1', 'a2', 'a3'].map((name) => ({ name, repository: 'a', sizeBytes: LARGE }))
    const order = await orderOf([...many, { name: 'b1', repository: 'b', sizeBytes: LARGE }])
    expect(order).toEqual(['a1', 'b1', 'a2', 'a3'])
  })
  test('whoever leaves while waiting takes no place', async () => {
    const gate = openGate(1)
    const leave = await gate.enter({ repository: 'a', sizeBytes: 1 }, NEVER)
    const leaving = new AbortController()
    const waiting = gate.enter({ repository: 'a', sizeBytes: 1 }, leaving.signal)
    leaving.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    leave()
    await gate.enter({ repository: 'a', sizeBytes: 1 }, NEVER)
  })
})

describe('the pace', () => {
  test('is kept over all transfers together', async () => {
    const clock = new FakeClock()
    const pace = openPace(1000, clock)
    const transfer = async (): Promise<void> => {
      for (let piece = 0; piece < 10; piece += 1) await pace.take(500, NEVER)
    }
    await outcome(clock, Promise.all([transfer(), transfer()]))
    expect(clock.elapsedMs()).toBe(10_000)
  })
  test('what nobody waits for is paid by those who wait', async () => {
    const clock = new FakeClock()
    const pace = openPace(1000, clock)
    pace.charge(4000)
    await outcome(clock, pace.take(1000, NEVER))
    expect(clock.elapsedMs()).toBe(5000)
  })
  test('time in which nothing came is not saved up', async () => {
    const clock = new FakeClock()
    const pace = openPace(1000, clock)
    await clock.advance(60_000)
    await outcome(clock, pace.take(2000, NEVER))
    expect(clock.elapsedMs()).toBe(62_000)
  })
})
