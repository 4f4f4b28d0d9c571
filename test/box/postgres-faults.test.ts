import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import path from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'

import { dataSource } from '#control/database/open-source.js'

import { memoryVolume, type Volume } from '../faults/volumes.js'
import { eventually } from '../support/eventually.js'
import { makeImage } from '../support/images.js'
import type { Answer } from '../support/registry-client.js'
import { StateFolder } from '../support/state-folder.js'
import { DatabaseProxy } from './database-proxy.js'
import {
  type DatabaseServer,
  DebianServer,
  EmbeddedServer,
  makeDatabase,
  PASSWORD,
} from './database-servers.js'
import { RunningBox } from './running-box.js'
import { Traffic } from './traffic.js'

/** Whoever asks the API hears something within this time, whatever is wrong with Postgres. */
const BOUND_MS = 25_000

const SERVERS = [
  ['of npm', EmbeddedServer],
  ['of Debian', DebianServer],
] as const

/** Takes all the room of a disk; answers what gives it back. */
async function fill(root: string): Promise<() => void> {
  const ballast = path.join(root, 'ballast')
  const { bavail, bsize } = await statfs(root)
  writeFileSync(ballast, Buffer.alloc(bavail * bsize))
  return () => rmSync(ballast)
}

function expectAway(answer: Answer, cause: RegExp): void {
  expect({ status: answer.status, ...(answer.json() as object) }).toMatchObject({
    ...{ status: 503, title: 'Postgres cannot be asked', detail: expect.stringMatching(cause) },
  })
  expect(answer.json()).toMatchObject({ detail: expect.stringContaining('pulls and pushes go on') })
}

describe.each(SERVERS)('a box on a PostgreSQL %s', (_, Server) => {
  let state: StateFolder
  let volume: Volume
  let server: DatabaseServer
  let proxy: DatabaseProxy
  let url: string
  let box: RunningBox
  let traffic: Traffic

  beforeAll(async () => {
    state = new StateFolder()
    volume = await memoryVolume('size=400m,mode=755')
    server = new Server(volume.root)
    await server.start()
    await makeDatabase(server)
    proxy = await DatabaseProxy.start(server.socketFile)
    url = proxy.urlOf('box', PASSWORD, 'box')
    box = await RunningBox.open(state.join('box'), { DATABASE_URL: url })
    traffic = Traffic.start(box, 'while')
    await traffic.untilDone(2)
  })
  beforeEach(() => proxy.heal())
  afterAll(async () => {
    await traffic.end().catch(() => undefined) // a test has failed, and said why
    await box.stop()
    await proxy.close()
    await server.stop()
    await volume[Symbol.asyncDispose]()
    await state.destroy()
  })

  async function read(): Promise<Answer> {
    return box.ask('GET', 'upstreams')
  }

  let number = 0
  async function write(): Promise<Answer> {
    return box.ask('PUT', `accounts/account-${++number}`, { rights: [] })
  }

  async function within<T>(work: Promise<T>, boundMs = BOUND_MS): Promise<T> {
    const from = performance.now()
    const answer = await work
    expect(performance.now() - from).toBeLessThan(boundMs)
    return answer
  }

  async function healed(): Promise<void> {
    await eventually('a change is kept', async () => (await write()).status < 300, { everyMs: 200 })
    expect((await read()).status).toBe(200)
  }

  test('that is slow answers all the same', async () => {
    proxy.delayMs = 200
    expect([(await within(read())).status, (await within(write())).status]).toEqual([200, 200])
  })

  test('that takes longer than five seconds for an answer is 503', async () => {
    proxy.delayMs = 5_500
    const [reading, writing] = await Promise.all([within(read(), 15_000), within(write(), 15_000)])
    for (const answer of [reading, writing]) expectAway(answer, /no answer within 5 s/)
    proxy.heal()
    await healed()
  })

  test('that falls silent in the midst of a change is 503, and nothing of the change is there', async () => {
    proxy.hold(/pg_advisory_xact_lock/)
    const change = within(write())
    await eventually('it is silent', () => proxy.isHolding)
    expectAway(await change, /no answer within 5 s/)
    proxy.heal()
    expect((await box.ask('GET', `accounts/account-${number}`)).status).toBe(404)
    await healed()
  })

  test('that ends all connections is not noticed', async () => {
    await server.administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'box'")
    expect([(await read()).status, (await write()).status]).toEqual([200, 200])
  })

  test('that takes no more connections says so, and is asked again', async () => {
    const taken = await takeConnections()
    try {
      await server.administer(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'box' AND application_name <> 'taken'",
      )
      await takeConnections(taken)
      expectAway(await within(read()), /takes no more connections/)
    } finally {
      for (const each of taken) await each.destroy()
    }
    await healed()
  })

  /** All that a role may have. */
  async function takeConnections(taken: ReturnType<typeof dataSource>[] = []) {
    for (;;) {
      const one = dataSource(`${url}&application_name=taken`)
      try {
        taken.push(await one.initialize())
      } catch (error) {
        if (!/connection slots|too many/.test(String(error))) throw error
        return taken
      }
    }
  }

  test('that takes no writes is read from, also by a control plane that starts, and takes them again', async () => {
    await readOnly('on')
    expectAway(await within(write()), /takes no writes/)
    const killed = await box.signal('control plane', 'SIGKILL')
    await eventually('another one answers', async () => {
      return (
        box.runs('control plane') && box.pidOf('control plane') !== killed && (await read()).status === 200
      )
    })
    expectAway(await within(write()), /takes no writes/)
    await readOnly('off')
    await healed()
  })

  async function readOnly(value: 'on' | 'off'): Promise<void> {
    await server.administer(`ALTER SYSTEM SET default_transaction_read_only = ${value}`)
    await server.administer('SELECT pg_reload_conf()')
    await eventually('it is so', async () => (await write()).status === (value === 'on' ? 503 : 200), {
      everyMs: 200,
    })
  }

  test('that is stopped and started is 503 meanwhile, and the control plane stays', async () => {
    const before = box.pidOf('control plane')
    await server.stop()
    expectAway(await within(read()), /./)
    expectAway(await within(write()), /./)
    await traffic.untilDone(2)
    await server.start()
    await healed()
    expect(box.pidOf('control plane')).toBe(before)
  })

  test('whose disk is full says so, is read from, and heals when there is room', async () => {
    const free = await fill(volume.root)
    try {
      const refused = await eventually('a change is refused', async () => {
        const answer = await within(box.ask('PATCH', 'settings/nginx', { readTimeout: 100 + ++number }))
        return answer.status === 503 && answer
      })
      expectAway(refused, /its disk is full \(.*No space left on device/)
      expect((await read()).status).toBe(200)
      await traffic.untilDone(2)
    } finally {
      free()
    }
    await healed()
  })

  test('has failed no pull and no push in all of this', async () => {
    await traffic.untilDone(2)
    expect(await traffic.end()).toBeGreaterThan(10)
    expect(traffic.failures).toEqual([])
  })
})

describe('a box whose own PostgreSQL has a full disk', () => {
  let state: StateFolder
  let volume: Volume
  let box: RunningBox

  beforeAll(async () => {
    state = new StateFolder()
    volume = await memoryVolume('size=300m,mode=755')
    mkdirSync(state.join('box'))
    symlinkSync(volume.root, state.join('box/postgres'))
    // A database without its key would be refused.
    writeFileSync(state.join('box/secret.key'), randomBytes(32).toString('base64'), { mode: 0o600 })
    box = await RunningBox.open(state.join('box'))
  })
  afterAll(async () => {
    await box.stop()
    await volume[Symbol.asyncDispose]()
    await state.destroy()
  })

  test('says how much is free, serves transfers, also when it is killed, and heals when there is room', async () => {
    const free = await fill(volume.root)
    let timeout = 100
    const change = () => box.ask('PATCH', 'settings/nginx', { readTimeout: ++timeout })
    try {
      const refused = await eventually('a change is refused', async () => {
        const answer = await change()
        return answer.status === 503 && answer
      })
      expectAway(refused, /its disk is full .*; \d MiB are free on the disk of .*postgres/)
      await box.signal('postgres', 'SIGKILL')
      const client = box.client('tls', box.account)
      const image = makeImage()
      await client.pushImage('while/full', image, 'latest')
      expect((await client.pullManifest('while/full', 'latest')).descriptor).toEqual(
        image.manifest.descriptor,
      )
      await client.close()
      expectAway(
        await eventually('a change is refused', async () => {
          const answer = await change()
          return answer.status === 503 && answer
        }),
        /\d MiB are free on the disk of .*postgres/,
      )
    } finally {
      free()
    }
    await eventually('a change is kept', async () => (await change()).status === 200, { everyMs: 200 })
  })
})
