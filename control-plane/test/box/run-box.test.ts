import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { BoxStage } from './stand-in-box.js'

let stage: BoxStage

beforeEach(async () => {
  stage = await BoxStage.open()
})
afterEach(async () => stage.close())

describe('npm start', () => {
  test('makes a box from nothing, and says token and account once', async () => {
    const box = await stage.start()
    await box.untilAnnounced()
    expect(stage.begun()).toEqual(['control plane', 'core', 'nginx'])
    expect(box.log()).toContain('  token      the-admin-token  (')
    expect(box.log()).toContain('  account    push  password the-password  (')
    expect(box.log()).toMatch(/^ {13}([0-9A-F]{2}:){31}[0-9A-F]{2}$/m)
    expect(stage.read('secret.key')).toMatch(/^[A-Za-z0-9+/]{43}=\n$/)
    expect(stage.mode('secret.key')).toBe('600')
    expect(await box.stop()).toEqual({ code: 0, signal: null })
  })

  test('a second time serves at once with what is there, and says no secret', async () => {
    await (await stage.start()).stopWhenAnnounced()
    const again = await stage.start({ STAND_IN_SLOW: 'control plane' })
    await stage.until('nginx serves', () => stage.begun().filter((name) => name === 'nginx').length === 2)
    expect(again.log()).not.toContain('token  ')
    await again.untilAnnounced()
    expect(again.log()).not.toContain('the-password')
    await again.stop()
  })

  test('with another name of the box waits for a configuration that has it', async () => {
    await (await stage.start()).stopWhenAnnounced()
    const again = await stage.start({ ENTREPOT_NAMES: 'registry.example.com' })
    await again.untilAnnounced()
    expect(stage.begun().slice(3)).toEqual(['control plane', 'core', 'nginx'])
    await again.stop()
  })

  test('of another version waits for its own configuration: registry-core takes some of it at its start only', async () => {
    await (await stage.start()).stopWhenAnnounced()
    stage.upgrade('0.0.1')
    const again = await stage.start()
    await again.untilAnnounced()
    expect(stage.begun().slice(3)).toEqual(['control plane', 'core', 'nginx'])
    await again.stop()
  })

  test('after a change that was cut off serves what was proved last', async () => {
    await (await stage.start()).stopWhenAnnounced()
    stage.leaveUnprovedChange()
    const again = await stage.start()
    await again.untilAnnounced()
    expect(again.log()).toContain(
      'A change of the configuration was cut off (2): starting with the last good one, 1.',
    )
    expect(stage.inForce()).toBe('generations/1')
    await again.stop()
  })

  test('gives the parts what they need, and no secret to those that need none', async () => {
    const box = await stage.start({ ENTREPOT_ADMIN_TOKEN: 'correct-horse-battery', REGISTRY_HTTP_ADDR: ':1' })
    await box.untilAnnounced()
    const [core, control] = ['core', 'control plane'].map((name) => stage.environmentOf(name))
    expect(control).toMatchObject({
      ENTREPOT_DATA: stage.data,
      ENTREPOT_ADMIN_TOKEN: 'correct-horse-battery',
      DATABASE_URL: 'postgres://stand-in/none',
    })
    expect(core).not.toHaveProperty('DATABASE_URL')
    expect(core).not.toHaveProperty('ENTREPOT_ADMIN_TOKEN')
    expect({ ...core, ...control }).not.toHaveProperty('REGISTRY_HTTP_ADDR')
    await box.stop()
  })

  test('is refused on a folder that a box has, naming it', async () => {
    const first = await stage.start()
    await first.untilAnnounced()
    const second = await stage.start()
    expect(await second.ended).toEqual({ code: 1, signal: null })
    expect(second.log()).toMatch(
      new RegExp(
        `^Entrepot does not start: ${stage.data} is in use by another npm start: process ${first.pid}, since`,
      ),
    )
    expect(second.log().trim().split('\n')).toHaveLength(1)
    await first.stop()
  })

  test('is refused when the first configuration cannot be made', async () => {
    const box = await stage.start({ STAND_IN_BROKEN: 'control plane' })
    expect(await box.ended).toEqual({ code: 1, signal: null })
    expect(box.log()).toContain(
      'Entrepot does not start: the control plane does not start: it ended with code 7',
    )
    expect(stage.begun()).toEqual(['control plane'])
  })

  test('serves without a control plane once there is a configuration', async () => {
    await (await stage.start()).stopWhenAnnounced()
    const box = await stage.start({ STAND_IN_BROKEN: 'control plane' })
    await box.untilAnnounced()
    expect(box.log()).toMatch(/ {2}admin .*not yet \(the control plane does not start/)
    await box.stop()
  })
})

describe('kill -9', () => {
  test.each([['core'], ['nginx'], ['control plane']])('of %s: it is started again', async (name) => {
    const box = await stage.start()
    await box.untilAnnounced()
    const before = stage.pidOf(name)
    process.kill(before, 'SIGKILL')
    await stage.until('it is back', () => stage.pidOf(name) !== before)
    expect(box.log()).toContain('was ended by SIGKILL: it is started again in 0.2 s')
    await box.stop()
  })

  test('of npm start ends all parts, and the next start has the folder', async () => {
    const box = await stage.start()
    await box.untilAnnounced()
    const parts = ['core', 'nginx', 'control plane'].map((name) => stage.pidOf(name))
    process.kill(box.pid, 'SIGKILL')
    await stage.until('all are gone', () => parts.every((pid) => !stage.isAlive(pid)))
    await (await stage.start()).stopWhenAnnounced()
  })
})

test('an nginx that outlives its box is ended by the next start, which has its ports then', async () => {
  const box = await stage.start()
  await box.untilAnnounced()
  stage.makeStubborn('nginx') // as one with a transfer that does not end
  const left = stage.pidOf('nginx')
  process.kill(box.pid, 'SIGKILL')
  await box.ended
  const next = await stage.start()
  await stage.until('it is told', () =>
    next.log().includes(`nginx of an earlier start still runs (${left}): it gets SIGQUIT`),
  )
  stage.makeSoft('nginx')
  process.kill(left, 'SIGQUIT')
  await next.untilAnnounced()
  expect(stage.isAlive(left)).toBe(false)
  await next.stop()
})

describe('the end', () => {
  test('comes in order: no change is cut off by nginx, no transfer by the core', async () => {
    const box = await stage.start()
    await box.untilAnnounced()
    expect(await box.stop()).toEqual({ code: 0, signal: null })
    expect(stage.ended()).toEqual(['control plane', 'nginx', 'core'])
    expect(box.log()).toContain('Stopping: running transfers may end')
  })

  test('comes at once when somebody asks again, but not when one Ctrl-C arrives twice', async () => {
    const box = await stage.start()
    await box.untilAnnounced()
    stage.makeStubborn('nginx')
    const parts = ['core', 'nginx', 'control plane'].map((name) => stage.pidOf(name))
    box.signal('SIGINT')
    box.signal('SIGINT')
    await stage.until('it has heard', () => box.log().includes('Stopping'))
    await stage.pass(700)
    expect(stage.isAlive(box.pid)).toBe(true)
    box.signal('SIGINT')
    expect(await box.ended).toEqual({ code: 1, signal: null })
    await stage.until('all are gone', () => parts.every((pid) => !stage.isAlive(pid)))
  })
})
