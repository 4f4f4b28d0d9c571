import { afterEach, expect, test } from '@jest/globals'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'

import { BoxFolder, query } from '../support/postgres-box.js'
import { describeAsRoot } from '../support/needs-root.js'

const NOBODY = 65_534
const PLAIN_USER = 1 // daemon: named in every /etc/passwd
const WITHOUT_NAME = 54_321

let place: BoxFolder

afterEach(async () => place.remove())

function uidOf(pid: number | undefined): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** A first start, a second one, and what lay between them. */
async function keepsItsData(uid?: number): Promise<number> {
  const first = place.start({ ...(uid !== undefined && { uid }) })
  await query(await first.next('ready'), 'CREATE TABLE kept AS SELECT 42 AS answer')
  const server = uidOf(place.serverPid())
  expect(await first.stop()).toBe(0)
  expect(place.serverPid()).toBeUndefined()
  const second = place.start({ ...(uid !== undefined && { uid }) })
  expect(await query(await second.next('ready'), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  expect(await second.stop()).toBe(0)
  return server
}

test('whoever runs the tests can start it, stop it and find the data again', async () => {
  place = new BoxFolder()
  await keepsItsData()
  const { mode, uid } = statSync(path.join(place.folder, 'cluster', 'password'))
  expect({ mode: mode & 0o777, uid }).toEqual({ mode: 0o600, uid: process.getuid?.() })
})

test('variables of PostgreSQL in the environment change nothing', async () => {
  place = new BoxFolder()
  const environment = { PGPORT: '1', PGHOST: 'elsewhere.invalid', PGDATA: '/nowhere', PGSSLMODE: 'require' }
  const box = place.start({ environment })
  await box.next('ready')
  expect(await box.stop()).toBe(0)
})

test('a comma, a blank and letters of any language may stand in the path', async () => {
  place = new BoxFolder({ inside: "a, b%20'c é" })
  await keepsItsData()
})

test('Ctrl-C in the terminal reaches the box, which ends the server when its turn has come', async () => {
  place = new BoxFolder()
  const box = place.start()
  await box.next('ready')
  const session = readFileSync(`/proc/${place.serverPid()}/stat`, 'utf8').split(' ')[5]
  expect(session).toBe(String(place.serverPid()))
  await box.stop()
})

describeAsRoot('started by root', () => {
  test('the server runs as nobody', async () => {
    place = new BoxFolder()
    expect(await keepsItsData()).toBe(NOBODY)
  })

  test('in a folder that only root reaches the server runs in a namespace of its own', async () => {
    place = new BoxFolder({ mode: 0o700 })
    expect(await keepsItsData()).toBe(0) // as the outside sees it
    expect(statSync(path.join(place.folder, 'cluster', 'data')).uid).toBe(0)
  })

  test('a plain user’s database stays theirs', async () => {
    place = new BoxFolder({ owner: PLAIN_USER })
    expect(await keepsItsData(PLAIN_USER)).toBe(PLAIN_USER)
    expect(await keepsWhatIsThere()).toBe(PLAIN_USER)
    const again = place.start({ uid: PLAIN_USER })
    await again.next('ready')
    expect(await again.stop()).toBe(0)
  })

  test('a folder that nobody may pass no longer is given to the namespace, with the data in it', async () => {
    place = new BoxFolder()
    expect(await keepsItsData()).toBe(NOBODY)
    chmodSync(place.root, 0o700)
    expect(await keepsWhatIsThere()).toBe(0)
  })

  test('a user id without a name can start it', async () => {
    place = new BoxFolder({ owner: WITHOUT_NAME })
    expect(await keepsItsData(WITHOUT_NAME)).toBe(WITHOUT_NAME)
  })

  test('another plain user is told whose database it is', async () => {
    place = new BoxFolder({ owner: PLAIN_USER, mode: 0o777 })
    expect(await keepsItsData(PLAIN_USER)).toBe(PLAIN_USER)
    chmodSync(place.folder, 0o777)
    chmodSync(place.runFolder, 0o777)
    expect(await place.start({ uid: WITHOUT_NAME }).next('refused')).toBe(
      `StartRefused: The database in ${place.folder}/cluster belongs to user id 1, and you are 54321: ` +
        `start Entrepot as that user or as root, or give it to yourself once with sudo chown -R 54321 ${place.folder}/cluster.`,
    )
  })
})

async function keepsWhatIsThere(): Promise<number> {
  const box = place.start()
  expect(await query(await box.next('ready'), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  const uid = uidOf(place.serverPid())
  expect(await box.stop()).toBe(0)
  return uid
}
