import { expect, test } from '@jest/globals'

import type { Clock } from '../../system/clock.js'
import { openReloadPace } from './reload-pace.js'

/** Time that passes by sleeping alone. */
function sleepingClock(): Clock {
  let ms = 0
  return {
    now: () => new Date(ms),
    elapsedMs: () => ms,
    sleep: async (more) => {
      ms += more
    },
  }
}

test('the first reload comes at once, each further one five seconds after the last', async () => {
  const clock = sleepingClock()
  const pace = openReloadPace({ clock, countDraining: async () => 8 })
  const times: number[] = []
  for (let turn = 0; turn < 3; turn++) {
    expect(await pace.turn()).toBeUndefined()
    times.push(clock.elapsedMs())
    await clock.sleep(1000)
  }
  expect(times).toEqual([0, 5000, 10_000])
})

test('it waits for generations that drain, and not for ever', async () => {
  const clock = sleepingClock()
  const pace = openReloadPace({ clock, countDraining: async () => (clock.elapsedMs() < 3000 ? 9 : 8) })
  expect(await pace.turn()).toBeUndefined()
  expect(clock.elapsedMs()).toBe(3000)
  const full = openReloadPace({ clock, countDraining: async () => 9 })
  expect(await full.turn()).toBe(
    '9 earlier configurations serve transfers that began under them: another one has to wait until some have ended',
  )
  expect(clock.elapsedMs()).toBe(13_000)
})
