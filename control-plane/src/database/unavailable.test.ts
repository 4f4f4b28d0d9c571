import { expect, test } from '@jest/globals'

import { unavailable } from './unavailable.js'

test('who has waited too long for another change is told so', () => {
  const error = Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' })
  expect(unavailable(error)?.message).toContain('another change has not ended within a minute')
})
