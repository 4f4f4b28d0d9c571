import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'

import { type Postgres, startPostgres } from '#control/box/postgres/start-postgres.js'
import { Database } from '#control/database/database.js'
import { type Job, LeaseLost, Leases } from '#control/leases/leases.js'
import { systemClock as clock } from '#control/system/clock.js'
import { systemRandom } from '#control/system/random.js'
import { query } from './support/postgres-box.js'
import { reached } from './support/reached.js'

const PROGRAM = path.join(import.meta.dirname, 'programs/lease-holder.js')
const HOURLY: Job = { name: 'job', everyMs: 60 * 60_000 }
const LEASE_MS = 900
const LOST = /the job job is another control plane's by now$/

let folder: string
let server: Postgres
let opened: Database[]
let children: ChildProcess[]

const start = (): Promise<Postgres> =>
  startPostgres({
    ...{ folder: path.join(folder, 'postgres'), runFolder: path.join(folder, 'run') },
    ...{ clock, random: systemRandom, say: () => undefined, durable: false },
  })
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  chmodSync(folder, 0o711)
  server = await start()
  const database = new Database({ url: server.url, clock })
  await database.check()
  await database.close()
  await query(server.url, 'CREATE TABLE done (by text)')
})
afterAll(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true })
})
beforeEach(async () => {
  ;[opened, children] = [[], []]
  await query(server.url, 'TRUNCATE done, lease')
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(opened.map((database) => database.close()))
})

/** One control plane, connected. */
async function plane(holder: string, leaseMs = LEASE_MS) {
  const database = new Database({ url: server.url, clock })
  opened.push(database)
  await database.check()
  const leases = new Leases({ database, clock, holder, leaseMs, log: { warn: () => undefined } })
  const keep = (require: Parameters<Parameters<Leases['run']>[1]>[0]['require']) =>
    database.transaction(async (manager) => {
      await require(manager)
      await manager.query('INSERT INTO done VALUES ($1)', [holder])
    })
  return { leases, keep, run: (job: Job = HOURLY) => leases.run(job, ({ require }) => keep(require)) }
}

/** Another one, that can be killed and frozen: it has begun. */
async function program(way: 'keep' | 'hold') {
  const child = spawn(process.execPath, [PROGRAM, server.url, String(LEASE_MS), way], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  const said: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line))
  await reached('it has begun', () => said.includes('begun'))
  return {
    said,
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    async end(): Promise<void> {
      child.stdin.end('now\n')
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}

const done = async () =>
  ((await query(server.url, 'SELECT by FROM done')) as { by: string }[]).map(({ by }) => by)
const isOver = async () =>
  (await query(server.url, 'SELECT 1 FROM lease WHERE until < clock_timestamp()')).length > 0

describe('of two control planes', () => {
  test('never both do a job, and it comes once in its time', async () => {
    const everyMs = 300
    const runs: { readonly begunMs: number; readonly from: number; readonly to: number }[] = []
    const both = ['one', 'other'].map(async (name) => {
      const { leases } = await plane(name)
      const end = clock.elapsedMs() + 2_000
      while (clock.elapsedMs() < end)
        await leases.run({ name: 'job', everyMs }, async () => {
          const from = clock.elapsedMs()
          const [row] = await leases.look()
          runs.push({ begunMs: row?.begun.getTime() ?? 0, from, to: clock.elapsedMs() })
        })
    })
    await Promise.all(both)
    expect(runs.length).toBeGreaterThan(2)
    for (const [at, { begunMs, from }] of runs.slice(1).entries()) {
      const before = runs[at]
      expect(from).toBeGreaterThanOrEqual(before?.to ?? 0)
      expect(begunMs - (before?.begunMs ?? 0)).toBeGreaterThanOrEqual(everyMs * 0.9 - 1)
    }
  })

  test('one goes on after kill -9 of the other, not before its lease has ended, and does not wait an hour', async () => {
    const holder = await program('keep')
    const { run } = await plane('one')
    holder.signal('SIGKILL')
    expect(await run()).toBe(false)
    await reached('its turn', run)
    expect(await done()).toEqual(['one'])
    expect(await run()).toBe(false)
  })

  test('one that starts again after kill -9 goes on at once, and the one before it keeps nothing', async () => {
    const [before, after] = [await plane('one', 60_000), await plane('one', 60_000)]
    const cut = before.leases.run(HOURLY, async ({ require }) => {
      await (await plane('other')).leases.endThoseBefore()
      expect(await after.run()).toBe(false)
      await after.leases.endThoseBefore()
      expect(await after.run()).toBe(true)
      await before.keep(require)
    })
    await expect(cut).rejects.toBeInstanceOf(LeaseLost)
    await expect(cut).rejects.toThrow(LOST)
    expect(await done()).toEqual(['one'])
  })

  test('one whose work has begun before its start has ended those before it keeps its own', async () => {
    const [one, other] = [await plane('one', 10_000), await plane('other', 10_000)]
    await one.leases.run(HOURLY, async ({ require }) => {
      await one.leases.endThoseBefore()
      expect(await other.run()).toBe(false)
      await one.keep(require)
    })
    expect(await done()).toEqual(['one'])
  })

  test('a frozen one that wakes after its lease keeps nothing, and is told', async () => {
    const holder = await program('keep')
    const { run } = await plane('one')
    holder.signal('SIGSTOP')
    expect(await run()).toBe(false)
    await reached('its turn', run)
    holder.signal('SIGCONT')
    await holder.end()
    expect(holder.said.join()).toMatch(LOST)
    expect(await done()).toEqual(['one'])
  })

  test('a frozen one that was keeping what it did keeps its lease as long', async () => {
    const holder = await program('hold')
    const { run } = await plane('one')
    holder.signal('SIGSTOP')
    await reached('its lease has ended', isOver)
    expect(await run()).toBe(false)
    holder.signal('SIGCONT')
    await holder.end()
    expect(holder.said).toContain('kept')
    expect(await run({ name: 'job' })).toBe(true)
    expect(await done()).toEqual(['program', 'one'])
  })

  test('one that works longer than a lease is not disturbed, and hears nothing', async () => {
    const holder = await program('keep')
    const { run } = await plane('one')
    const { promise, resolve } = Promise.withResolvers<boolean>()
    void clock.sleep(2 * LEASE_MS).then(() => resolve(true))
    for (
      let isLate = false;
      !isLate;
      isLate = await Promise.race([promise, clock.sleep(50).then(() => false)])
    )
      expect(await run()).toBe(false)
    await holder.end()
    expect(holder.said).toEqual(['begun', 'kept'])
  })

  test.each([
    ['forward', '- 2'],
    ['back', '+ 2'],
  ])(
    "a database's clock that jumps %s takes the lease away, and never gives it to two",
    async (_way, hours) => {
      const [one, other] = [await plane('one', 10_000), await plane('other', 10_000)]
      const [jumped, { promise, resolve }] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const first = one.leases.run(HOURLY, async ({ require }) => {
        await query(
          server.url,
          `UPDATE lease SET begun = begun ${hours} * interval '1 h', until = until ${hours} * interval '1 h'`,
        )
        jumped.resolve()
        await promise
        await one.keep(require)
      })
      await jumped.promise
      await reached('its turn', () => other.run())
      resolve()
      await expect(first).rejects.toThrow(LOST)
      expect(await done()).toEqual(['other'])
    },
  )

  test('one does at once what has failed at the other, and what it has done is not done again', async () => {
    const [one, other] = [await plane('one'), await plane('other')]
    const failing = one.leases.run(HOURLY, () => Promise.reject(new Error('it failed')))
    await expect(failing).rejects.toThrow('it failed')
    expect(await other.run()).toBe(true)
    expect(await one.run()).toBe(false)
    expect(await one.leases.look()).toMatchObject([{ name: 'job', holder: 'other', failed: false }])
  })
})

describe('of two boxes on one database', () => {
  test('each does what is of its own folder, in the same hour, and shows its own', async () => {
    const own: Job = { ...HOURLY, isOfOneBox: true }
    const [one, other] = [await plane('a /one'), await plane('a /other')]
    for (const box of [one, other]) {
      expect(await box.run(own)).toBe(true)
      expect(await box.run(own)).toBe(false)
      expect(await box.leases.look()).toMatchObject([{ name: 'job', failed: false }])
    }
    expect(await done()).toEqual(['a /one', 'a /other'])
    expect((await other.leases.look()).map(({ holder }) => holder)).toEqual(['a /other'])
  })
})

describe('a Postgres that is restarted in the midst', () => {
  test('takes no lease away that has not ended', async () => {
    const [one, other] = [await plane('one', 20_000), await plane('other', 20_000)]
    await one.leases.run(HOURLY, async ({ require, signal }) => {
      await server.stop()
      server = await start()
      expect(await other.run()).toBe(false)
      expect(signal.aborted).toBe(false)
      await one.keep(require)
    })
    expect(await done()).toEqual(['one'])
  })

  test('and stays away for as long as a lease: whoever has it stops, and another one may', async () => {
    const [one, other] = [await plane('one'), await plane('other')]
    const cut = one.leases.run(HOURLY, async ({ require, signal }) => {
      await server.stop()
      await reached('it is told', () => signal.aborted)
      server = await start()
      expect(await other.run()).toBe(true)
      await one.keep(require)
    })
    await expect(cut).rejects.toThrow(LOST)
    expect(await done()).toEqual(['other'])
  })
})
