import { beforeEach, describe, expect, test } from '@jest/globals'
import { RateLimitWatch } from '#core/mirror/watched/rate-limit.js'
import { LIMIT, Refusals } from '#core/mirror/questions/refusals.js'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import { FakeClock } from '../fake-clock.js'

const missing = new UpstreamFailure('missing', 'there is no such tag')

let clock: FakeClock

beforeEach(() => {
  clock = new FakeClock()
})

describe('what an upstream has refused', () => {
  test('is known for ten seconds', async () => {
    const refusals = new Refusals({ clock })
    refusals.remember('a', missing, 'a client')
    await clock.advance(9999)
    expect(refusals.find('a')).toBe(missing)
    await clock.advance(1)
    expect(refusals.find('a')).toBeUndefined()
  })

  test('takes bounded memory, whatever clients make up, and says when no more fits', async () => {
    const refusals = new Refusals({ clock })
    let known = 0
    for (let name = 0; name < 100_000; name += 1) {
      if (refusals.size < LIMIT) known += 1
      refusals.remember(`name-${name}`, missing, `client-${name % 10}`)
    }
    expect(known).toBe(2000)
    expect(refusals.find('name-99999')).toBe(missing)
    expect(refusals.find('name-1')).toBeUndefined()
    await clock.advance(10_000)
    expect(refusals.size).toBe(0)
  })

  test('is counted for each client that asked for it', async () => {
    const refusals = new Refusals({ clock })
    for (let name = 0; name < 500; name += 1) refusals.remember(`name-${name}`, missing, 'one')
    expect([refusals.countOf('one'), refusals.countOf('another')]).toEqual([500, 0])
    refusals.forget('name-7')
    expect(refusals.countOf('one')).toBe(499)
    for (let again = 0; again < 10; again += 1) refusals.remember('name-7', missing, 'one')
    refusals.remember('name-8', missing, 'another')
    expect(refusals.countOf('one')).toBe(499)
    await clock.advance(10_000)
    expect(refusals.countOf('one')).toBe(0)
  })
})

describe('what an upstream still gives', () => {
  test.each([
    [11, false],
    [10, false],
    [9, true],
    [0, true],
  ])('is little when %i of 100 are left: %s', (remaining, isLow) => {
    const watch = new RateLimitWatch({ clock })
    watch.note({ limit: 100, remaining, windowSeconds: 21_600 })
    expect(watch.isLow()).toBe(isLow)
  })

  test('is enough where it says nothing', () => {
    expect(new RateLimitWatch({ clock }).isLow()).toBe(false)
  })

  test('is asked anew after ten minutes, or when its window has ended', async () => {
    const long = new RateLimitWatch({ clock })
    const short = new RateLimitWatch({ clock })
    long.note({ limit: 100, remaining: 0, windowSeconds: undefined })
    short.note({ limit: 100, remaining: 0, windowSeconds: 60 })
    await clock.advance(60_000)
    expect([long.isLow(), short.isLow()]).toEqual([true, false])
    await clock.advance(540_000)
    expect(long.isLow()).toBe(false)
  })
})
