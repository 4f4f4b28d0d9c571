import { afterEach, expect, test } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { eventually } from '../support/eventually.js'
import { describeAsRoot } from '../support/needs-root.js'
import { type Box, BoxFolder, isServer, killAndWait, query, type Start } from '../support/postgres-box.js'

const DURABLE = { environment: { ENTREPOT_TEST_DURABLE: '1' } }

let place: BoxFolder
const bystanders: ChildProcess[] = []

afterEach(async () => {
  for (const bystander of bystanders.splice(0)) await killAndWait(bystander)
  await place.remove()
})

async function ids(url: string): Promise<readonly unknown[]> {
  return (await query(url, 'SELECT id FROM written ORDER BY id')) as readonly unknown[]
}

/** Writes numbers until the server is gone; answers how many were acknowledged. */
async function writeUntilItBreaks(url: string, from: number, onWrite: (id: number) => void): Promise<number> {
  for (let id = from; ; id++) {
    try {
      await query(url, 'INSERT INTO written VALUES ($1)', [id])
    } catch {
      return id
    }
    onWrite(id)
  }
}

test('after kill -9 of the server while it is written to, the box starts it again with all that was committed', async () => {
  place = new BoxFolder()
  const box = place.start(DURABLE)
  let url = await box.next('ready')
  await query(url, 'CREATE TABLE written (id int PRIMARY KEY)')
  let next = 0
  for (let round = 1; round <= 3; round++) {
    const killAt = next + 20
    const broken = await writeUntilItBreaks(url, next, (id) => {
      const pid = place.serverPid()
      if (id === killAt && pid !== undefined) process.kill(pid, 'SIGKILL')
    })
    expect(broken).toBeGreaterThan(killAt)
    expect(await box.next('exited')).toContain('SIGKILL')
    url = await box.next('ready')
    const found = await ids(url)
    expect(found.length).toBeGreaterThanOrEqual(broken)
    expect(found.slice(0, broken)).toEqual(Array.from({ length: broken }, (_, id) => ({ id })))
    next = broken + 1 // the one under way may or may not have been committed
    await query(url, 'INSERT INTO written VALUES ($1) ON CONFLICT DO NOTHING', [broken])
  }
  expect(await box.stop()).toBe(0)
})

/** The pid of a server whose box was killed. */
async function leaveAnOrphan(start: Start = DURABLE): Promise<number> {
  const box = place.start(start)
  const url = await box.next('ready')
  await query(url, 'CREATE TABLE written (id int PRIMARY KEY)')
  await query(url, 'INSERT INTO written VALUES (1)')
  await killAndWait(box.child)
  const orphan = place.serverPid()
  if (orphan === undefined) throw new Error('the server left no lock')
  expect(isServer(orphan)).toBe(true)
  return orphan
}

async function startsWithTheData(start: Start = DURABLE): Promise<Box> {
  const box = place.start(start)
  expect(await ids(await box.next('ready'))).toEqual([{ id: 1 }])
  return box
}

/** kill -9 of the box, and what the next one does. */
async function takesTheOrphanOver(start?: Start): Promise<void> {
  const orphan = await leaveAnOrphan(start)
  const box = await startsWithTheData(start)
  expect(await box.next('said')).toBe(
    `A PostgreSQL of an earlier start still runs (pid ${orphan}): ending it.`,
  )
  expect(isServer(orphan)).toBe(false)
  expect(place.serverPid()).not.toBe(orphan)
  expect(await box.stop()).toBe(0)
}

test('after kill -9 of the box, the next one ends the server that was left, and has its data', async () => {
  place = new BoxFolder()
  await takesTheOrphanOver()
})

describeAsRoot('after kill -9 of the box, the server is ended also', () => {
  test.each([
    ['of a plain user', { owner: 1 }, { uid: 1 }],
    ['of a user without a name, in its namespace', { owner: 54_321 }, { uid: 54_321 }],
    ['of root, in its namespace', { mode: 0o700 }, {}],
  ])('%s', async (_, wishes, start) => {
    place = new BoxFolder(wishes)
    await takesTheOrphanOver(start)
  })
})

test('after kill -9 of one session the server recovers by itself, and its words are passed on', async () => {
  place = new BoxFolder()
  const box = place.start(DURABLE)
  const url = await box.next('ready')
  expect(await box.next('said')).toContain('Making the database')
  await query(url, 'CREATE TABLE written AS SELECT 1 AS id')
  const sleeper = query(url, "SELECT pg_sleep(60), 'the sleeper'").catch(() => 'cut off')
  await expect(query(url, 'SELECT broken')).rejects.toThrow('column "broken" does not exist')
  process.kill(await sessionOf(url, 'the sleeper'), 'SIGKILL')
  expect(await sleeper).toBe('cut off')
  expect(await box.next('said')).toMatch(/^postgres: LOG: {2}(client backend|server process) .*signal 9/)
  const found = await eventually('the recovery', async () => ids(url).catch(() => undefined))
  expect(found).toEqual([{ id: 1 }])
  expect(await box.stop()).toBe(0)
})

async function sessionOf(url: string, words: string): Promise<number> {
  const text = 'SELECT pid FROM pg_stat_activity WHERE query LIKE $1 AND pid <> pg_backend_pid()'
  return eventually('the session', async () => {
    const [row] = (await query(url, text, [`%${words}%`])) as readonly { readonly pid: number }[]
    return row?.pid
  })
}

test('after kill -9 of the box and its server at once, the next one recovers', async () => {
  place = new BoxFolder()
  process.kill(await leaveAnOrphan(), 'SIGKILL')
  expect(await (await startsWithTheData()).stop()).toBe(0)
})

test('a first start that is killed while it copies the programs is begun again', async () => {
  place = new BoxFolder()
  const box = place.start(DURABLE)
  await eventually('the copy', async () => (filesIn(place.folder).length > 0 ? true : undefined))
  await killAndWait(box.child)
  expect(filesIn(place.folder)).not.toContain('cluster')
  const next = place.start(DURABLE)
  await next.next('ready')
  expect(await next.stop()).toBe(0)
  expect(filesIn(place.folder)).toEqual(['cluster', 'server-18.4.0-beta.17'])
})

test('a first start that is killed while it makes the database is begun again', async () => {
  place = new BoxFolder()
  for (let round = 1; round <= 3; round++) {
    const box = place.start(DURABLE)
    await box.next('said')
    await killAndWait(box.child)
    expect(filesIn(place.folder)).not.toContain('cluster')
  }
  const last = place.start(DURABLE)
  await last.next('ready')
  expect(await last.stop()).toBe(0)
  expect(filesIn(place.folder)).toEqual(['cluster', 'server-18.4.0-beta.17'])
})

function filesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).toSorted() : []
}

test('a lock whose number is another program’s by now keeps nothing from starting, and that program lives', async () => {
  place = new BoxFolder()
  const box = place.start(DURABLE)
  const url = await box.next('ready')
  await query(url, 'CREATE TABLE written AS SELECT 1 AS id')
  expect(await box.stop()).toBe(0)
  const bystander = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  bystanders.push(bystander)
  const data = path.join(place.folder, 'cluster', 'data')
  writeFileSync(path.join(data, 'postmaster.pid'), `${bystander.pid}\n${data}\n1700000000\n5432\n`)
  expect(await (await startsWithTheData()).stop()).toBe(0)
  expect(bystander.exitCode ?? bystander.signalCode).toBeNull()
})
