import { hashSync } from '@node-rs/bcrypt'
import { expect, test } from '@jest/globals'

import { type Access, openAccess } from '#core/access/open-access.js'
import type { AccessSettings } from '#core/access/access-settings.js'
import { isRegistryError } from '#core/oci/failure.js'
import type { Log } from '#core/system/log.js'
import { systemRandom } from '#core/system/random.js'

import { FakeClock } from '../fake-clock.js'
import { account, accessSettings, basic, hashOf, MemorySecret, right } from './parts.js'

const FROM = { listener: 0, address: '192.0.2.1' }
const ci = account('ci', [right('team/**')])

interface Opened {
  readonly access: Access
  readonly clock: FakeClock
  readonly said: readonly string[]
}

function open(settings: Partial<AccessSettings> = { accounts: [ci] }): Opened {
  const clock = new FakeClock()
  const said: string[] = []
  const say = (_fields: object, sentence: string) => void said.push(sentence)
  const log: Log = { info: say, warn: say, error: say }
  const parts = { secret: new MemorySecret(), clock, random: systemRandom, log }
  return { access: openAccess(accessSettings(settings), parts), clock, said }
}

/** The failure that an attempt ends with; `in` when it is let in. */
async function attempt({ access }: Opened, header: string, from = FROM): Promise<string> {
  try {
    const caller = await access.identify(header, from)
    return caller.account === '' ? 'anonymous' : 'in'
  } catch (error) {
    return isRegistryError(error) ? error.failure : String(error)
  }
}

test('a right password lets in, a wrong one, an unknown name and what is no credentials do not', async () => {
  const opened = open()
  expect(await attempt(opened, basic('ci'))).toBe('in')
  expect(await attempt(opened, basic('ci').replace('Basic', 'bAsIc'))).toBe('in')
  for (const header of [
    basic('ci', 'x'),
    basic('ci', ''),
    basic('nobody'),
    'Basic',
    'Basic !!',
    'Basic Y2k=',
    'Negotiate abc',
    '',
  ])
    expect([header, await attempt(opened, header)]).toEqual([header, 'login-failed'])
})

test('an empty user is anonymous, and no miss', async () => {
  const opened = open()
  for (let round = 0; round < 20; round += 1) expect(await attempt(opened, 'Basic Og==')).toBe('anonymous')
  expect(await attempt(opened, 'Basic OmE=')).toBe('login-failed')
})

test('one who was let in a moment ago is let in at once', async () => {
  const opened = open()
  await attempt(opened, basic('ci'))
  const caller = opened.access.identify(basic('ci'), FROM)
  expect('then' in caller).toBe(false)
  await opened.clock.advance(5 * 60_000)
  expect('then' in opened.access.identify(basic('ci'), FROM)).toBe(true)
})

test('an account that is taken out, or has another password, is out at once', async () => {
  const opened = open()
  await attempt(opened, basic('ci'))
  opened.access.replace(accessSettings({ accounts: [{ ...ci, secretHash: hashOf('new') }] }))
  expect(await attempt(opened, basic('ci'))).toBe('login-failed')
  expect(await attempt(opened, basic('ci', 'new'))).toBe('in')
  opened.access.replace(accessSettings({ accounts: [account('other', [])] }))
  expect(await attempt(opened, basic('ci', 'new'))).toBe('login-failed')
})

test('an account that is taken out while its password is hashed does not get in', async () => {
  const opened = open()
  const attempted = attempt(opened, basic('ci'))
  opened.access.replace(accessSettings({ accounts: [account('other', [])] }))
  expect(await attempted).toBe('login-failed')
})

test('rights that change count for those who are logged in', async () => {
  const opened = open()
  await attempt(opened, basic('ci'))
  opened.access.replace(accessSettings({ accounts: [{ ...ci, rights: [] }] }))
  expect(await opened.access.identify(basic('ci'), FROM)).toMatchObject({ account: 'ci', rights: [] })
})

test('an account that has ended is refused like a wrong password, and logged', async () => {
  const opened = open({ accounts: [{ ...ci, until: new Date('2026-03-01T12:01:00Z') }] })
  expect(await attempt(opened, basic('ci'))).toBe('in')
  await opened.clock.advance(60_000)
  expect(await attempt(opened, basic('ci'))).toBe('login-failed')
  expect(opened.said.join()).toContain('an account that has ended was refused')
})

test('where nobody can log in, a header says nothing', async () => {
  expect(await attempt(open({ anonymous: ['push'] }), basic('ci'))).toBe('anonymous')
})

test('equal credentials that come together are let in together', async () => {
  const opened = open()
  const together = Array.from({ length: 200 }, () => attempt(opened, basic('ci')))
  expect(new Set(await Promise.all(together))).toEqual(new Set(['in']))
})

test('after ten misses even the right password is 429, for that name from that address alone', async () => {
  const opened = open({ accounts: [ci, account('other', [])] })
  for (let miss = 0; miss < 10; miss += 1)
    expect(await attempt(opened, basic('ci', `x${miss}`))).toBe('login-failed')
  expect(await attempt(opened, basic('ci', 'x'))).toBe('too-many-misses')
  expect(await attempt(opened, basic('ci'))).toBe('too-many-misses')
  expect(await attempt(opened, basic('other'))).toBe('in')
  expect(await attempt(opened, basic('ci'), { ...FROM, address: '192.0.2.2' })).toBe('in')
  await opened.clock.advance(15 * 60_000)
  expect(await attempt(opened, basic('ci'))).toBe('in')
})

test('equal wrong passwords that come together are one miss, and one after the other as many', async () => {
  const opened = open()
  const together = Array.from({ length: 30 }, () => attempt(opened, basic('ci', 'old')))
  expect(new Set(await Promise.all(together))).toEqual(new Set(['login-failed']))
  for (let miss = 1; miss < 10; miss += 1)
    expect(await attempt(opened, basic('ci', 'old'))).toBe('login-failed')
  expect(await attempt(opened, basic('ci', 'old'))).toBe('too-many-misses')
  expect(await attempt(opened, basic('ci'))).toBe('too-many-misses')
})

test('whoever waits for a password that a blocked address has sent too is not blocked with it', async () => {
  const opened = open()
  for (let miss = 0; miss < 9; miss += 1) await attempt(opened, basic('ci', `x${miss}`))
  // Two are hashed at once: when it is the turn of the right one, the first of these has been counted.
  const guesses = ['w', 'y', 'z'].map((password) => attempt(opened, basic('ci', password)))
  const blocked = attempt(opened, basic('ci'))
  const other = attempt(opened, basic('ci'), { ...FROM, address: '192.0.2.2' })
  expect(await Promise.all([blocked, other])).toEqual(['too-many-misses', 'in'])
  await Promise.all(guesses)
})

test('equal wrong passwords from two addresses are a miss of each', async () => {
  const opened = open()
  const second = { ...FROM, address: '192.0.2.2' }
  for (let miss = 0; miss < 10; miss += 1) {
    const both = [FROM, second].map((from) => attempt(opened, basic('ci', `x${miss}`), from))
    expect(await Promise.all(both)).toEqual(['login-failed', 'login-failed'])
  }
  for (const from of [FROM, second]) expect(await attempt(opened, basic('ci'), from)).toBe('too-many-misses')
})

test('one who is remembered is not let in during the block either: that would tell the right password', async () => {
  const opened = open()
  await attempt(opened, basic('ci'))
  for (let miss = 0; miss < 10; miss += 1) await attempt(opened, basic('ci', `x${miss}`))
  expect(await attempt(opened, basic('ci'))).toBe('too-many-misses')
})

test('a login forgives the misses before it', async () => {
  const opened = open()
  for (let round = 0; round < 5; round += 1) {
    for (let miss = 0; miss < 9; miss += 1) await attempt(opened, basic('ci', `x${miss}`))
    expect(await attempt(opened, basic('ci'))).toBe('in')
    await opened.clock.advance(6 * 60_000)
  }
})

test('a hundred guesses at once are no more than ten', async () => {
  const opened = open()
  const guesses = Array.from({ length: 100 }, (_, n) => attempt(opened, basic('ci', `guess ${n}`)))
  const answers = await Promise.all(guesses)
  // The two that were being hashed when the tenth was counted may end as misses too.
  expect(answers.filter((answer) => answer === 'login-failed').length).toBeLessThanOrEqual(12)
  expect(new Set(answers)).toEqual(new Set(['login-failed', 'too-many-misses', 'server-busy']))
})

test('names without end are forgotten, not kept', async () => {
  const opened = open()
  for (let n = 0; n < 300; n += 1) await attempt(opened, basic(`nobody-${n}`))
  expect(await attempt(opened, basic('ci'))).toBe('in')
})

test('a password of a megabyte is a wrong one', async () => {
  expect(await attempt(open(), basic('ci', 'x'.repeat(1_000_000)))).toBe('login-failed')
})

test('an unknown name costs what a wrong password costs', async () => {
  // Cost 8 is 16 times cost 4: a comparison that stopped early would show.
  const slow = { ...ci, name: 'slow', secretHash: hashSync('slow-password', 8) }
  const opened = open({ accounts: [ci, slow] })
  const spent = new Map<string, number>()
  for (let round = 0; round < 5; round += 1)
    for (const name of ['ci', 'slow', 'nobody']) {
      const started = performance.now()
      await attempt(opened, basic(name, `wrong ${round}`))
      spent.set(name, Math.min(spent.get(name) ?? Number.POSITIVE_INFINITY, performance.now() - started))
    }
  const times = [...spent.values()]
  expect(Math.max(...times) / Math.min(...times)).toBeLessThan(3)
})

test('whoever guesses from one address keeps nobody else waiting', async () => {
  const opened = open()
  let answered = 0
  const guesses = Array.from({ length: 60 }, async (_, at) => {
    await attempt(opened, basic(`nobody-${at}`))
    answered += 1
  })
  expect(await attempt(opened, basic('ci'), { ...FROM, address: '192.0.2.2' })).toBe('in')
  expect(answered).toBeLessThan(10)
  await Promise.all(guesses)
})
