import { beforeEach, describe, expect, test } from '@jest/globals'
import type { NotificationEvent } from '#core/notifications/envelope.js'
import { type Notifications, openNotifications } from '#core/notifications/open-notifications.js'
import type { Post } from '#core/notifications/post.js'
import { parseTag } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { OpenedStore } from '#core/store/filesystem/open-store.js'
import { FakeClock, outcome, turn } from '../fake-clock.js'
import { endpoint } from './endpoint.js'
import { SimulatedDisk } from '../simulated-disk.js'
import { SimulatedFs } from '../simulated-fs.js'
import { openProcess, STORE_ROOT } from '../simulated-store.js'

const REPOSITORY = parseRepositoryName('a/b')
const ACTOR = {
  ...{ requestId: 'r', remoteAddress: '', method: 'DELETE', userAgent: '', account: 'ci', origin: '' },
}
const MINUTE_MS = 60_000
/** More turns of the loop than a portion of the journal takes on its way to an endpoint. */
const TURNS = 200

/** The disk's. Each process has one of its own, so that a killed one keeps nobody waiting. */
let clock: FakeClock
let disk: SimulatedDisk
const alive = new Set<Process>()

beforeEach(() => {
  clock = new FakeClock()
  alive.clear()
  disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  disk.makeDirectory('/proc')
  disk.makeDirectory('/proc/1')
  disk.syncDirectory('/')
})

/** A process that notifies: what it posted, and whether that is taken. */
class Process {
  readonly fs = new SimulatedFs(disk)
  readonly clock = new FakeClock({ start: new Date(clock.now()) })
  readonly posts: { readonly url: string; readonly event: NotificationEvent }[] = []
  readonly lost: number[] = []
  readonly said: string[] = []
  takes = true
  #notifications: Notifications | undefined
  #store: OpenedStore | undefined

  static async start(seed: number, endpoints = [endpoint()], boot = 'boot'): Promise<Process> {
    const process = new Process()
    const { clock: own, fs } = process
    const { store } = await outcome(own, openProcess({ fs, clock: own, seed, boot }))
    alive.add(process)
    process.#store = store
    const say = (_fields: object, sentence: string): void => void process.said.push(sentence)
    process.#notifications = await outcome(
      own,
      openNotifications({
        ...{
          store,
          clock: own,
          address: 'box:5000',
          externalUrl: () => undefined,
          log: { info: say, warn: say, error: say },
        },
        settings: { includeReferences: false, endpoints },
        metrics: {
          endpoint: () => ({
            sent: () => undefined,
            failed: () => undefined,
            lost: (events) => void process.lost.push(events),
          }),
          watchPending: () => undefined,
          forget: () => undefined,
        },
        openPost: ({ url }) => process.#postTo(url),
      }),
    )
    return process
  }

  get notifications(): Notifications {
    if (this.#notifications === undefined) throw new Error('it has not started')
    return this.#notifications
  }

  #postTo(url: string): Post {
    return {
      send: async (body) => {
        const { events } = JSON.parse(body) as { readonly events: readonly NotificationEvent[] }
        for (const event of events) this.posts.push({ url, event })
        if (!this.takes) throw new Error('not now')
      },
      close: async () => undefined,
    }
  }

  async happen(...tags: readonly string[]): Promise<void> {
    for (const tag of tags)
      this.#store?.journal.append({ kind: 'tag-deleted', repository: REPOSITORY, tag: parseTag(tag) }, ACTOR)
    await this.#store?.journal.flush()
    await settled()
  }

  /** The tags that were posted, each try. */
  get tags(): readonly (string | undefined)[] {
    return this.posts.map(({ event }) => event.target.tag)
  }

  /** As kill -9 does. */
  kill(): void {
    alive.delete(this)
    this.fs.kill()
  }

  async stop(): Promise<void> {
    alive.delete(this)
    await outcome(this.clock, this.notifications.stop(1000))
    await this.#store?.close()
  }
}

async function settled(): Promise<void> {
  for (let turns = 0; turns < TURNS; turns += 1) await turn()
}

async function pass(ms: number): Promise<void> {
  await clock.advance(ms)
  for (const process of alive) await process.clock.advance(ms)
  await settled()
}

function journalFiles(): readonly string[] {
  return (
    disk
      .list(`${STORE_ROOT}/entrepot/journal`)
      ?.map(({ name }) => `${STORE_ROOT}/entrepot/journal/${name}`) ?? []
  )
}

describe('an endpoint that takes nothing', () => {
  test('is tried up to the threshold, and then once each backoff', async () => {
    const process = await Process.start(1)
    process.takes = false
    await process.happen('one', 'two')
    expect(process.tags).toEqual(['one', 'one', 'one'])
    await pass(4999)
    expect(process.posts).toHaveLength(3)
    await pass(1)
    expect(process.posts).toHaveLength(4)
    process.takes = true
    await pass(5000)
    expect(process.tags.slice(4)).toEqual(['one', 'two'])
    expect(process.said).toContain('the endpoint takes events again')
  })

  test('does not miss what was read before its file went', async () => {
    const process = await Process.start(1)
    process.takes = false
    await process.happen('one', 'two')
    await process.happen('three')
    for (const file of journalFiles()) disk.unlink(file)
    await process.happen('four') // the journal sees that its file is gone, and writes this to a new one
    process.takes = true
    await pass(5000)
    expect(process.tags.slice(2)).toEqual(['one', 'one', 'two', 'four'])
    expect(process.lost).toEqual([1])
  })

  test('costs its successor what the journal did not keep until then, and says how much', async () => {
    const first = await Process.start(1)
    first.takes = false
    await first.happen('one', 'two', 'three')
    await pass(MINUTE_MS)
    first.kill()
    disk.removeDirectory('/proc/1')
    for (const file of journalFiles()) disk.unlink(file)
    const next = await Process.start(2)
    await next.happen('four')
    expect([next.tags, next.lost]).toEqual([['four'], [3]])
    expect(next.said.join()).toContain('will never hear of some events')
  })
})

function bookmarks(): readonly string[] {
  const folder = `${STORE_ROOT}/entrepot/bookmarks`
  return (disk.list(folder) ?? []).flatMap(({ name }) =>
    (disk.list(`${folder}/${name}`) ?? []).map((entry) => entry.name),
  )
}

describe('what a dead process has left', () => {
  test('its successor sends first, as the same events', async () => {
    const first = await Process.start(1)
    first.takes = false
    await first.happen('one', 'two')
    first.kill()
    disk.removeDirectory('/proc/1') // the kernel knows it no more
    const next = await Process.start(2)
    await next.happen('three')
    expect(next.tags).toEqual(['one', 'two', 'three'])
    expect(next.posts[0]?.event).toEqual(first.posts[0]?.event)
    expect(next.posts[2]?.event.source.instanceID).not.toBe(next.posts[0]?.event.source.instanceID)
    await pass(2000)
    expect(bookmarks()).toHaveLength(1)
  })

  test('in another container waits until it was not heard of for a minute', async () => {
    const first = await Process.start(1, [endpoint()], 'container-one')
    first.takes = false
    await first.happen('one')
    const next = await Process.start(2, [endpoint()], 'container-two')
    await pass(2 * MINUTE_MS)
    expect(next.tags).toEqual([]) // it lives, and says so every ten seconds
    first.kill()
    await pass(MINUTE_MS / 2)
    expect(next.tags).toEqual([])
    await pass(2 * MINUTE_MS)
    expect(next.tags).toEqual(['one'])
  })

  test('one of several successors sends', async () => {
    const first = await Process.start(1)
    first.takes = false
    await first.happen('one', 'two')
    first.kill()
    disk.removeDirectory('/proc/1')
    const successors = await Promise.all([2, 3, 4].map((seed) => Process.start(seed)))
    await settled()
    expect(successors.flatMap(({ tags }) => tags)).toEqual(['one', 'two'])
  })

  test('stays for a process that knows the endpoint', async () => {
    const first = await Process.start(1)
    first.takes = false
    await first.happen('one')
    await first.stop()
    const stranger = await Process.start(2, [endpoint({ name: 'other' })])
    await stranger.stop()
    const next = await Process.start(3)
    await settled()
    expect([stranger.tags, next.tags]).toEqual([[], ['one']])
  })

  test('is nothing when it was stopped after all was sent', async () => {
    const first = await Process.start(1)
    await first.happen('one')
    await first.stop()
    expect(bookmarks()).toEqual([])
  })
})

test('a disk that takes no bookmarks delays nothing', async () => {
  const process = await Process.start(1)
  process.fs.fail({ code: 'ENOSPC', times: 1000, fits: ({ path }) => path.includes('/tmp/') })
  await pass(2000)
  await process.happen('one')
  await pass(2000)
  await process.happen('two')
  expect(process.tags).toEqual(['one', 'two'])
  expect(process.said).toContain('where a reader of the journal stands could not be written down')
})

describe('other settings', () => {
  test('send an endpoint on where it stood, and tell a new one from now on', async () => {
    const process = await Process.start(1)
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
    const process = await Process.start(1)
    process.takes = false
    await process.happen('one')
    await outcome(process.clock, process.notifications.replace({ includeReferences: false, endpoints: [] }))
    expect(bookmarks()).toEqual([])
    expect(process.notifications.wishes.pulls()).toBe(false)
  })

  test('say whether anybody wants to hear of pulls, and what manifests name', async () => {
    const process = await Process.start(1, [endpoint({ ignoredActions: ['pull'] })])
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
