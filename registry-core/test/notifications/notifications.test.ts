import { beforeEach, describe, expect, test } from '@jest/globals'
import { outcome } from '../fake-clock.js'
import { endpoint } from './endpoint.js'
import { Machine, settled } from './notifying-process.js'

const MINUTE_MS = 60_000

let machine: Machine

beforeEach(() => {
  machine = new Machine()
})

describe('an endpoint that takes nothing', () => {
  test('is tried up to the threshold, and then once each backoff', async () => {
    const process = await machine.start(1)
    process.takes = false
    await process.happen('one', 'two')
    expect(process.tags).toEqual(['one', 'one', 'one'])
    await machine.pass(4999)
    expect(process.posts).toHaveLength(3)
    await machine.pass(1)
    expect(process.posts).toHaveLength(4)
    process.takes = true
    await machine.pass(5000)
    expect(process.tags.slice(4)).toEqual(['one', 'two'])
    expect(process.said).toContain('the endpoint takes events again')
  })

  test('does not miss what was read before its file went', async () => {
    const process = await machine.start(1)
    process.takes = false
    await process.happen('one', 'two')
    await process.happen('three')
    for (const file of machine.journalFiles()) machine.disk.unlink(file)
    await process.happen('four') // the journal sees that its file is gone, and writes this to a new one
    process.takes = true
    await machine.pass(5000)
    expect(process.tags.slice(2)).toEqual(['one', 'one', 'two', 'four'])
    expect(process.lost).toEqual([1])
  })

  test('costs its successor what the journal did not keep until then, and says how much', async () => {
    const first = await machine.start(1)
    first.takes = false
    await first.happen('one', 'two', 'three')
    await machine.pass(MINUTE_MS)
    first.kill()
    machine.disk.removeDirectory('/proc/1')
    for (const file of machine.journalFiles()) machine.disk.unlink(file)
    const next = await machine.start(2)
    await next.happen('four')
    expect([next.tags, next.lost]).toEqual([['four'], [3]])
    expect(next.said.join()).toContain('will never hear of some events')
  })
})

describe('what a dead process has left', () => {
  test('its successor sends first, as the same events', async () => {
    const first = await machine.start(1)
    first.takes = false
    await first.happen('one', 'two')
    first.kill()
    machine.disk.removeDirectory('/proc/1') // the kernel knows it no more
    const next = await machine.start(2)
    await next.happen('three')
    expect(next.tags).toEqual(['one', 'two', 'three'])
    expect(next.posts[0]?.event).toEqual(first.posts[0]?.event)
    expect(next.posts[2]?.event.source.instanceID).not.toBe(next.posts[0]?.event.source.instanceID)
    await machine.pass(2000)
    expect(machine.bookmarks()).toHaveLength(1)
  })

  test('in another container waits until it was not heard of for a minute', async () => {
    const first = await machine.start(1, [endpoint()], 'container-one')
    first.takes = false
    await first.happen('one')
    const next = await machine.start(2, [endpoint()], 'container-two')
    await machine.pass(2 * MINUTE_MS)
    expect(next.tags).toEqual([]) // it lives, and says so every ten seconds
    first.kill()
    await machine.pass(MINUTE_MS / 2)
    expect(next.tags).toEqual([])
    await machine.pass(2 * MINUTE_MS)
    expect(next.tags).toEqual(['one'])
  })

  test('one of several successors sends', async () => {
    const first = await machine.start(1)
    first.takes = false
    await first.happen('one', 'two')
    first.kill()
    machine.disk.removeDirectory('/proc/1')
    const successors = await Promise.all([2, 3, 4].map((seed) => machine.start(seed)))
    await settled()
    expect(successors.flatMap(({ tags }) => tags)).toEqual(['one', 'two'])
  })

  test('stays for a process that knows the endpoint', async () => {
    const first = await machine.start(1)
    first.takes = false
    await first.happen('one')
    await first.stop()
    const stranger = await machine.start(2, [endpoint({ name: 'other' })])
    await stranger.stop()
    const next = await machine.start(3)
    await settled()
    expect([stranger.tags, next.tags]).toEqual([[], ['one']])
  })

  test('is nothing when it was stopped after all was sent', async () => {
    const first = await machine.start(1)
    await first.happen('one')
    await first.stop()
    expect(machine.bookmarks()).toEqual([])
  })
})

test('a bookmark is written once, and no more often than each second', async () => {
  const process = await machine.start(1)
  await machine.pass(2000)
  const before = process.bookmarksWritten
  await process.happen('one', 'two', 'three')
  await machine.pass(2000)
  expect(process.bookmarksWritten - before).toBe(2) // at once, and what came after it a second later
})

test('a disk that takes no bookmarks delays nothing', async () => {
  const process = await machine.start(1)
  process.fs.fail({ code: 'ENOSPC', times: 1000, fits: ({ path }) => path.includes('/tmp/') })
  await machine.pass(2000)
  await process.happen('one')
  await machine.pass(2000)
  await process.happen('two')
  expect(process.tags).toEqual(['one', 'two'])
  expect(process.said).toContain('where a reader of the journal stands could not be written down')
})

describe('other settings', () => {
  test('send an endpoint on where it stood, and tell a new one from now on', async () => {
    const process = await machine.start(1)
    process.takes = false
    await process.happen('one')
    process.takes = true
    const endpoints = [endpoint({ url: 'http://moved' }), endpoint({ name: 'new', url: 'http://new' })]
    await outcome(process.clock, process.notifications.replace({ includeReferences: false, endpoints }))
    await settled()
    await process.happen('two')
    const sent = process.posts.slice(3).map(({ url, event }) => `${url} ${event.target.tag}`)
    expect(sent.toSorted()).toEqual(['http://moved one', 'http://moved two', 'http://new two'])
  })

  test('without the endpoint leave nothing of it', async () => {
    const process = await machine.start(1)
    process.takes = false
    await process.happen('one')
    await outcome(process.clock, process.notifications.replace({ includeReferences: false, endpoints: [] }))
    expect(machine.bookmarks()).toEqual([])
    expect(process.notifications.wishes.pulls()).toBe(false)
  })

  test('say whether anybody wants to hear of pulls, and what manifests name', async () => {
    const process = await machine.start(1, [endpoint({ ignoredActions: ['pull'] })])
    expect([process.notifications.wishes.pulls(), process.notifications.wishes.references()]).toEqual([
      false,
      false,
    ])
    const settings = { includeReferences: true, endpoints: [endpoint()] }
    await outcome(process.clock, process.notifications.replace(settings))
    expect([process.notifications.wishes.pulls(), process.notifications.wishes.references()]).toEqual([
      true,
      true,
    ])
  })
})
