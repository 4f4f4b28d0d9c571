import { expect, test } from '@jest/globals'

import { MadeLately } from '#control/clients/made-lately.js'

import { MovedClock } from '../support/moved-clock.js'

test('what many ask for is made once, and again after a while', async () => {
  const clock = new MovedClock()
  const lately = new MadeLately<string, number>({ clock, keptMs: 60_000 })
  let made = 0
  const ask = () => lately.get('docker', async () => ++made)
  expect(await Promise.all(Array.from({ length: 100 }, ask))).toEqual(Array.from({ length: 100 }, () => 1))
  expect(await lately.get('k3s', async () => 7)).toBe(7)
  clock.move(60_000)
  expect([await ask(), await ask()]).toEqual([2, 2])
})

test('what could not be made is tried again at once', async () => {
  const lately = new MadeLately<string, number>({ clock: new MovedClock(), keptMs: 60_000 })
  await expect(lately.get('docker', async () => Promise.reject(new Error('no database')))).rejects.toThrow(
    'no',
  )
  expect(await lately.get('docker', async () => 1)).toBe(1)
})
