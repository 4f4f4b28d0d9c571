import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { randomLayer } from '../support/images.js'
import { watchMemory } from '../support/memory.js'
import { expectStatus, RegistryClient } from '../support/registry-client.js'
import { startCore, type Target, type TargetOptions } from '../support/targets.js'
import { inShort, notifying, type SentEvent, Sink } from './sink.js'

const EVENTS = 10_000
/** A process with an endpoint that is down may grow so much more under the load than one without. */
const GROWTH_LIMIT_MIB = 64

let root = ''
let sink: Sink
const targets: Target[] = []
const clients: RegistryClient[] = []

beforeEach(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  sink = await Sink.start()
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const target of targets.splice(0)) await target.remove()
  await sink.close()
  rmSync(root, { recursive: true, force: true })
})

async function start(
  config: TargetOptions['config'] = notifying(sink.url),
): Promise<{ readonly target: Target; readonly client: RegistryClient }> {
  const target = await startCore({ root, config })
  const client = new RegistryClient(target.baseUrl)
  targets.push(target)
  clients.push(client)
  return { target, client }
}

/** Pushes so many blobs one after the other; answers their digests. */
async function push(client: RegistryClient, count: number, repository = 'team/app'): Promise<string[]> {
  const digests: string[] = []
  for (let n = 0; n < count; n += 1)
    digests.push((await client.pushBlob(repository, randomLayer(100))).digest)
  return digests
}

function digests(events: readonly SentEvent[]): readonly unknown[] {
  return events.map(({ target }) => target['digest'])
}

describe('an endpoint', () => {
  test('that was down hears all of it, in its order, when it is up', async () => {
    await sink.close()
    const { client, target } = await start()
    const pushed = await push(client, 20)
    await eventually('the endpoint is found down', () => target.process.log().includes('takes no events'))
    await sink.open()
    expect(digests(await sink.until(20))).toEqual(pushed)
    await eventually('it is said', () => target.process.log().includes('takes events again'))
  })

  test.each(['hang', 'reset', 500, 404, 302] as const)(
    'that answers %s is tried again',
    async (behaviour) => {
      sink.behaviour = behaviour
      const { client } = await start(notifying(sink.url, { timeout: '200ms' }))
      const pushed = await push(client, 3)
      await eventually('it was tried', () => sink.heads.length >= 4)
      sink.release()
      expect(digests(await sink.until(3))).toEqual(pushed)
    },
  )

  test('that does not answer slows no push', async () => {
    sink.behaviour = 'hang'
    const { client } = await start(notifying(sink.url, { timeout: '1h' }))
    const pushed = await push(client, 50)
    expect(sink.heads.length).toBeLessThanOrEqual(1)
    expect(sink.events).toEqual([])
    sink.release()
    expect(digests(await sink.until(50))).toEqual(pushed)
  })

  test('that hangs does not keep another one waiting', async () => {
    const other = await Sink.start()
    try {
      sink.behaviour = 'hang'
      const endpoints = [
        { name: 'slow', url: sink.url, timeout: '1h' },
        { name: 'quick', url: other.url },
      ]
      const { client } = await start({ notifications: { endpoints } })
      const pushed = await push(client, 5)
      expect(digests(await other.until(5))).toEqual(pushed)
      expect(sink.events).toEqual([])
    } finally {
      await other.close()
    }
  })

  test('may ask for a header, and for silence about what it does not want', async () => {
    const ignore = { actions: ['pull'], mediatypes: ['application/octet-stream'] }
    const headers = { Authorization: ['Bearer secret'], 'X-Two': ['a', 'b'] }
    const { client } = await start(notifying(sink.url, { headers, ignore }))
    const [digest = ''] = await push(client, 1)
    await client.pullBlob('team/app', digest)
    expectStatus(await client.delete(`/v2/team/app/blobs/${digest}`), 202)
    expect((await sink.until(1)).map(inShort)).toEqual([`delete team/app@${digest}`])
    expect(sink.heads[0]).toMatchObject({
      authorization: 'Bearer secret',
      'x-two': 'a, b',
      'content-type': 'application/vnd.docker.distribution.events.v1+json',
    })
  })

  test('is followed to another place of its host, and its headers never to another host', async () => {
    const other = await Sink.start()
    try {
      sink.location = '/moved'
      const { client: before } = await start()
      const pushed = await push(before, 1)
      expect(digests(await sink.until(1))).toEqual(pushed)
      sink.location = other.url
      const { client, target } = await start(
        notifying(sink.url, { headers: { Authorization: ['Bearer secret'] } }),
      )
      await push(client, 1)
      await eventually('it is said', () => target.process.log().includes('another host'))
      expect(other.heads).toEqual([])
    } finally {
      await other.close()
    }
  })
})

describe('what a process did not send', () => {
  test('before kill -9 its successor sends, all of it and mostly once', async () => {
    sink.behaviour = 'hang'
    const first = await start()
    const pushed = await push(first.client, 30)
    first.target.process.signal('SIGKILL')
    await first.target.process.ended
    sink.release()
    await start()
    expect(digests(await sink.until(30))).toEqual(pushed)
    expect(sink.events).toHaveLength(30)
  })

  test('is sent with the same id where it is sent twice', async () => {
    const first = await start()
    const pushed = await push(first.client, 10)
    await sink.until(10)
    first.target.process.signal('SIGKILL') // before a second is over: the bookmark may be older than what was sent
    await first.target.process.ended
    const second = await start()
    const later = await push(second.client, 1)
    const events = await sink.until(11)
    expect(digests(events)).toEqual([...pushed, ...later])
    for (const again of sink.events) {
      const first = events.find(({ id }) => id === again.id)
      // Only whose address stands in it tells who sent it.
      expect({ ...again, source: again.source['instanceID'] }).toEqual({
        ...first,
        source: first?.source['instanceID'],
      })
    }
  })

  test('before it was stopped is sent by the next one', async () => {
    sink.behaviour = 500
    const first = await start()
    const pushed = await push(first.client, 5)
    await first.target.stop()
    sink.behaviour = 200
    await start()
    expect(digests(await sink.until(5))).toEqual(pushed)
  })

  test('is its own as long as it lives: two processes on one volume send everything once', async () => {
    const [one, two] = [await start(), await start()]
    const both = await Promise.all([push(one.client, 20), push(two.client, 20, 'team/other')])
    const events = await sink.until(40)
    expect(new Set(digests(events))).toEqual(new Set(both.flat()))
    expect(sink.events).toHaveLength(40)
  })
})

/** Asks for the blob so often, sixteen at a time; answers how much larger the process became, at most. */
async function grownMiB(
  { pid }: { readonly pid: number },
  client: RegistryClient,
  digest: string,
): Promise<number> {
  const memory = watchMemory(pid)
  let asked = 0
  const ask = async (): Promise<void> => {
    for (; asked < EVENTS; ) {
      asked += 1
      expectStatus(await client.head(`/v2/team/app/blobs/${digest}`), 200)
    }
  }
  await Promise.all(Array.from({ length: 16 }, ask))
  return memory.peakMiB() - memory.beforeMiB
}

test('ten thousand events wait on the disk, not in memory', async () => {
  const silent = await start({})
  const [known = ''] = await push(silent.client, 1)
  const withoutMiB = await grownMiB(silent.target.process, silent.client, known)
  sink.behaviour = 500
  const { client, target } = await start()
  const [digest = ''] = await push(client, 1)
  const withMiB = await grownMiB(target.process, client, digest)
  expect(withMiB - withoutMiB).toBeLessThan(GROWTH_LIMIT_MIB)
  sink.behaviour = 200
  const events = await sink.until(EVENTS + 1, 50_000)
  expect(events.filter(({ action }) => action === 'pull')).toHaveLength(EVENTS)
})
