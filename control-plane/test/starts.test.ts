import { gunzipSync } from 'node:zlib'

import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import { UNTOLD_SETTING } from '#control/access/untold.js'
import { ADMIN_TOKEN_ROUTES as TOKENS } from '#control/access/admin-token.schema.js'
import { AdminTokens } from '#control/access/admin-tokens.service.js'
import { Audit } from '#control/audit/audit.service.js'
import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { Database } from '#control/database/database.js'
import { HEALTH_ROUTES as HEALTH } from '#control/health/health.schema.js'
import { THE_BOX } from '#control/http/caller.js'
import { systemRandom } from '#control/system/random.js'
import { ADMIN_TOKEN, type ApiStage, openApiStage, type StageOptions } from './support/api-stage.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'
import { MovedClock } from './support/moved-clock.js'

let postgres: TestPostgres
const stages: ApiStage[] = []

beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close()
})
afterAll(async () => postgres?.stop())

/** Without a token in the environment, as a start of most boxes. */
async function started(url: string, options: Partial<StageOptions> = {}): Promise<ApiStage> {
  const stage = await openApiStage({ url, adminToken: null, ...options })
  stages.push(stage)
  return stage
}

async function isKnown({ api }: ApiStage, token: string): Promise<boolean> {
  return (await api.call(HEALTH.get, { token })).status === 200
}

test('the first start tells a token and an account, and a second one nothing', async () => {
  const url = await postgres.freshDatabase()
  const { first, api, shown } = await started(url)
  expect(first).toEqual({
    adminToken: expect.any(String),
    account: { name: 'push', password: expect.any(String) },
  })
  await api.done(TOKENS.list)
  await shown()
  expect((await started(url)).first).toEqual({ adminToken: undefined, account: undefined })
})

test('what Postgres has kept is told, though its answer was lost and the start was tried again', async () => {
  const stage = await started(await postgres.freshDatabase())
  expect(stage.first.adminToken).toBeDefined()
  expect(await stage.startAgain()).toEqual(stage.first)
})

test('what was never shown is told by the next start, in no backup, and by none after that', async () => {
  const url = await postgres.freshDatabase()
  const { first, api } = await started(url)
  const { bytes } = await api.done(BACKUP.backup, { body: {} })
  expect(gunzipSync(bytes).toString()).toContain('admin_token')
  expect(gunzipSync(bytes).toString()).not.toContain(UNTOLD_SETTING)
  const next = await started(url)
  expect(next.first).toEqual(first)
  await next.shown()
  expect((await started(url)).first).toEqual({ adminToken: undefined, account: undefined })
})

test('what was never shown and is no longer good is not told', async () => {
  const url = await postgres.freshDatabase()
  const { api } = await started(url)
  await api.done(ACCOUNTS.rotate, { path: { name: 'push' } })
  await api.done(TOKENS.create, { body: { name: 'second', rights: 'admin' } })
  await api.done(TOKENS.remove, { path: { name: 'first-start' } })
  expect((await started(url)).first).toEqual({ adminToken: undefined, account: undefined })
})

test('a start makes a token and tells it, when no administrator could come in', async () => {
  const url = await postgres.freshDatabase()
  const { api, first, shown } = await started(url)
  await shown()
  const until = new Date(Date.parse('2026-01-01T00:00:00Z')).toISOString()
  await api.done(TOKENS.create, { body: { name: 'reader', rights: 'read' } })
  await api.done(TOKENS.create, { body: { name: 'ended', rights: 'admin', until } })
  const last = await api.refused(TOKENS.remove, { path: { name: 'first-start' } })
  expect(last).toMatchObject({ status: 409, detail: expect.stringContaining('make another one first') })
  // Of a database of before that was refused.
  const database = new Database({ url, clock: new MovedClock() })
  await database.transaction((manager) => manager.query(`DELETE FROM admin_token WHERE name = 'first-start'`))
  await database.close()
  const next = await started(url)
  expect(next.first).toEqual({ adminToken: expect.any(String), account: undefined })
  expect(next.first.adminToken).not.toBe(first.adminToken)
  await next.api.done(TOKENS.list)
  await next.shown()
  expect((await started(url)).first.adminToken).toBeUndefined()
})

test('of the last two administrators one stays, whoever removes them', async () => {
  const { api } = await started(await postgres.freshDatabase())
  await api.done(TOKENS.create, { body: { name: 'second', rights: 'admin' } })
  const both = ['first-start', 'second'].map((name) => api.call(TOKENS.remove, { path: { name } }))
  expect((await Promise.all(both)).filter(({ status }) => status === 204)).toHaveLength(1)
})

test('the token of the environment ends with the start that has none', async () => {
  const url = await postgres.freshDatabase()
  const given = await started(url, { adminToken: ADMIN_TOKEN })
  expect(given.first.adminToken).toBeUndefined()
  expect(await isKnown(given, ADMIN_TOKEN)).toBe(true)
  const next = await started(url)
  expect(await isKnown(next, ADMIN_TOKEN)).toBe(false)
  expect(next.first.adminToken).toBeDefined()
})

test('a restore brings no token of an environment into a box without one', async () => {
  const other = await started(await postgres.freshDatabase(), { adminToken: ADMIN_TOKEN })
  const { bytes } = await other.api.done(BACKUP.backup, { body: {} })
  const box = await started(await postgres.freshDatabase())
  await box.api.done(BACKUP.restore, { stream: bytes })
  expect(await isKnown(box, ADMIN_TOKEN)).toBe(false)
})

test('nobody can take the name of the token of the environment', async () => {
  const url = await postgres.freshDatabase()
  const { api } = await started(url)
  const taken = await api.refused(TOKENS.create, { body: { name: 'environment', rights: 'read' } })
  expect(taken).toMatchObject({ status: 400, errors: [{ field: 'name' }] })
  expect(await isKnown(await started(url, { adminToken: ADMIN_TOKEN }), ADMIN_TOKEN)).toBe(true)
})

const OPEN = Promise.resolve()

/** Answers of the database that are on their way for as long as a test wants. */
class SlowDatabase extends Database {
  gate = OPEN
  readonly reached = Promise.withResolvers<void>()

  override async transaction<T>(run: Parameters<Database['transaction']>[0]): Promise<T> {
    const { gate } = this
    const answer = await super.transaction<T>(run as (manager: Parameters<typeof run>[0]) => Promise<T>)
    if (gate !== OPEN) this.reached.resolve()
    await gate
    return answer
  }
}

test('a token that is taken back while it is looked at is not remembered', async () => {
  const url = await postgres.freshDatabase()
  const clock = new MovedClock()
  await started(url)
  const database = new SlowDatabase({ url, clock })
  const tokens = new AdminTokens(database, new Audit(database, clock), clock, systemRandom)
  const { token } = await tokens.create({ name: 'brief', rights: 'read' }, THE_BOX)
  const { promise, resolve } = Promise.withResolvers<void>()
  database.gate = promise
  const looking = tokens.verify(token, '192.0.2.1')
  await database.reached.promise
  database.gate = OPEN
  await tokens.remove('brief', THE_BOX)
  resolve()
  expect(await looking).toMatchObject({ name: 'brief' }) // it was there when it was asked for
  await expect(tokens.verify(token, '192.0.2.1')).rejects.toMatchObject({ failure: 'wrong-token' })
  await database.close()
})
