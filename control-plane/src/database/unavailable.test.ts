import { expect, test } from '@jest/globals'

import { isBehindAnother, unavailable } from './unavailable.js'

test('who has waited too long for another change is not told that Postgres is away', () => {
  const error = Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' })
  expect([isBehindAnother(error), unavailable(error)]).toEqual([true, undefined])
})
