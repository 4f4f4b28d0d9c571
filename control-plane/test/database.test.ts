import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Client } from 'pg'
import type { EntityManager } from 'typeorm'

import { ADMIN_TOKEN_ROUTES as TOKENS } from '#control/access/admin-token.schema.js'
import { AUDIT_ROUTES as AUDIT, type AuditRow } from '#control/audit/audit.schema.js'
import { type Postgres, startPostgres } from '#control/box/postgres/start-postgres.js'
import { Database } from '#control/database/database.js'
import { MIGRATIONS } from '#control/database/migrations.js'
import { dataSource } from '#control/database/open-source.js'
import { CERTIFICATE_ROUTES as CERTIFICATES } from '#control/front/certificates.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { HEALTH_ROUTES as HEALTH } from '#control/health/health.schema.js'
import { systemClock } from '#control/system/clock.js'
import { systemRandom } from '#control/system/random.js'
import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import { reached } from './support/reached.js'
import { type ApiStage, openApiStage } from './support/api-stage.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'
import { longestWait } from './support/longest-wait.js'

const MINUTES_MS = 10 * 60_000

describe('the database', () => {
  let postgres: TestPostgres

  beforeAll(async () => {
    postgres = await startTestPostgres()
  })
  afterAll(async () => postgres?.stop())

  test('its migrations make exactly what the entities say', async () => {
    const source = dataSource(await postgres.freshDatabase())
    await source.initialize()
    await source.runMigrations()
    const { upQueries } = await source.driver.createSchemaBuilder().log()
    await source.destroy()
    expect(upQueries.map(({ query }) => query)).toEqual([])
  })

  describe('of transactions that cross', () => {
    const opened: Database[] = []
    let url: string

    beforeEach(async () => {
      url = await postgres.freshDatabase()
    })
    afterEach(async () => {
      for (const database of opened.splice(0)) await database.close()
    })

    /** Two of them, each until its end; tells how often they were begun. */
    async function both(
      run: (manager: EntityManager, met: () => Promise<void>, at: number) => Promise<void>,
    ) {
      const database = new Database({ url, clock: systemClock })
      opened.push(database)
      await database.transaction((manager) =>
        manager.query(
          'CREATE TABLE crossed AS SELECT id, 0 AS n FROM generate_series(0, 1) AS id; ALTER TABLE crossed ADD PRIMARY KEY (id)',
        ),
      )
      const here = Promise.withResolvers<void>()
      let [arrived, begun] = [0, 0]
      const met = (): Promise<void> => {
        arrived += 1
        if (arrived === 2) here.resolve()
        return here.promise
      }
      const one = (at: number) =>
        database.transaction((manager) => {
          begun += 1
          return run(manager, met, at)
        })
      await Promise.all([one(0), one(1)])
      const rows = await database.transaction((manager) =>
        manager.query<{ n: number }[]>('SELECT n FROM crossed ORDER BY id'),
      )
      return { begun, kept: rows.map(({ n }) => n) }
    }

    test('one that a deadlock has undone is tried anew, and both are kept', async () => {
      const add = 'UPDATE crossed SET n = n + 1 WHERE id = $1'
      const crossed = await both(async (manager, met, at) => {
        await manager.query(add, [at])
        await met()
        await manager.query(add, [1 - at])
      })
      expect(crossed).toEqual({ begun: 3, kept: [2, 2] })
    })

    test('one that read what another has changed meanwhile is tried anew, and both are kept', async () => {
      const crossed = await both(async (manager, met) => {
        await manager.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
        const [row] = await manager.query<{ n: number }[]>('SELECT n FROM crossed WHERE id = 0')
        await met()
        await manager.query('UPDATE crossed SET n = $1 WHERE id = 0', [(row?.n ?? 0) + 1])
      })
      expect(crossed).toEqual({ begun: 3, kept: [2, 0] })
    })

    test('a change of the configuration that a deadlock has undone is tried anew, and made once', async () => {
      const root = new Client({ connectionString: url.replace('//entrepot:', '//postgres:') })
      await root.connect()
      const [{ name }] = (await root.query<{ name: string }>('SELECT current_database() AS name')).rows as [
        { name: string },
      ]
      await root.query(`ALTER DATABASE ${name} SET deadlock_timeout = '2s'`) // of who looks for one: the change
      await root.query("SET deadlock_timeout = '1min'")
      const stage = await openApiStage({ url })
      try {
        await root.query('BEGIN; LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE')
        const change = stage.api.call(UPSTREAMS.put, { path: { host: 'quay.io' }, body: { freshFor: '1h' } })
        await reached('it waits for the other', async () => (await longestWait(url)) > 0)
        await root.query("UPDATE upstream SET position = position WHERE host = 'quay.io'")
        await root.query('COMMIT')
        expect((await change).status).toBe(200)
        const { body } = await stage.api.done(AUDIT.list, { query: { author: 'environment' } })
        expect(body['items']).toMatchObject([{ action: 'upstreams.put', target: 'quay.io' }])
      } finally {
        await root.end()
        await stage.close()
      }
    })
  })

  describe('of two control planes', () => {
    let url: string
    let one: ApiStage
    let other: ApiStage

    beforeAll(async () => {
      url = await postgres.freshDatabase()
      one = await openApiStage({ url })
      other = await openApiStage({ url, box: one.box })
    })
    afterAll(async () => Promise.all([one?.close(), other?.close()]))

    test('is made once, and the first start happens once', async () => {
      const fresh = await postgres.freshDatabase()
      const both = await Promise.all([openApiStage({ url: fresh }), openApiStage({ url: fresh })])
      const source = await dataSource(fresh).initialize()
      const migrations = await source.query<{ name: string }[]>('SELECT name FROM migration')
      await source.destroy()
      const { body } = await both[0].api.done(UPSTREAMS.list)
      await Promise.all(both.map((stage) => stage.close()))
      expect(migrations).toHaveLength(MIGRATIONS.length)
      expect(body['items']).toHaveLength(6)
    })

    test('tries one configuration at a time, and no change is lost', async () => {
      const changes = Array.from({ length: 20 }, (_, at) =>
        (at % 2 === 0 ? one : other).api.done(UPSTREAMS.put, {
          path: { host: `host${at}.example` },
          body: {},
        }),
      )
      await Promise.all(changes)
      expect(one.box.mostAtOnce).toBe(1)
      const shown = await other.api.done(UPSTREAMS.list, { query: { limit: 1000 } })
      expect(shown.body['items']).toHaveLength(26)
      for (let at = 0; at < 20; at++) expect(one.box.last('registry.yml')).toContain(`host${at}.example`)
      const { body } = await one.api.done(AUDIT.list, { query: { author: 'environment' } })
      const audited = (body['items'] as AuditRow[]).map(({ target }) => target)
      expect(audited.toSorted()).toEqual(changes.map((_, at) => `host${at}.example`).toSorted())
    })

    test('one that took a token back makes it wrong at the other within seconds', async () => {
      const { body } = await one.api.done(TOKENS.create, { body: { name: 'elsewhere', rights: 'read' } })
      const token = String(body['token'])
      await other.api.done(HEALTH.get, { token })
      await one.api.done(TOKENS.remove, { path: { name: 'elsewhere' } })
      other.clock.move(5000)
      expect((await other.api.refused(HEALTH.get, { token })).status).toBe(401)
    })

    test('keeps a thousand rows of the history, and the one that is in force', async () => {
      const source = await dataSource(url).initialize()
      await source.query(
        `INSERT INTO configuration (at, author, reason, outcome, cause, intent, files)
         SELECT at, author, reason, 'refused', 'made up', intent, '{}' FROM
           (SELECT * FROM configuration ORDER BY id DESC LIMIT 1) AS newest, generate_series(1, 1500)`,
      )
      one.box.answer = { outcome: 'refused', stage: 'probe', reason: 'it was told to' }
      await one.api.refused(NGINX.patch, { body: { readTimeout: 11 } })
      one.box.answer = { outcome: 'applied' }
      const count = `SELECT count(*)::int AS rows FROM configuration`
      expect(await source.query(`${count} WHERE outcome = 'refused'`)).toEqual([{ rows: 1000 }])
      expect(await source.query(`${count} WHERE outcome = 'applied'`)).toEqual([{ rows: 1 }])
      await one.api.done(NGINX.patch, { body: { readTimeout: 12 } })
      expect(await source.query(count)).toEqual([{ rows: 1000 }])
      await source.destroy()
    })

    test('lets a change wait longer than a statement may take for the one before it', async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      one.box.gate = promise
      const first = one.api.call(NGINX.patch, { body: { readTimeout: 10 } })
      await reached('the first change', () => one.box.inside === 1)
      const second = other.api.call(NGINX.patch, { body: { readTimeout: 20 } })
      await reached('six seconds of waiting', async () => (await longestWait(url)) > 6)
      resolve()
      expect([(await first).status, (await second).status]).toEqual([200, 200])
      expect((await one.api.done(NGINX.get)).body['readTimeout']).toBe(20)
    })
  })
})

describe('while Postgres is away', () => {
  let folder: string
  let server: Postgres
  let stage: ApiStage

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    chmodSync(folder, 0o711)
    server = await start(folder)
    stage = await openApiStage({ url: server.url })
  })
  afterAll(async () => {
    await stage?.close()
    await server?.stop()
    rmSync(folder, { recursive: true })
  })

  test('the API says so with the cause, answers what needs no database, and heals by itself', async () => {
    const { api, clock, box } = stage
    const { body } = await api.done(TOKENS.create, { body: { name: 'reader', rights: 'read' } })
    await api.as(String(body['token'])).done(HEALTH.get)
    const tried = box.tried.length
    await server.stop()
    for (const refused of [
      await api.refused(UPSTREAMS.list),
      await api.refused(NGINX.patch, { body: { readTimeout: 1 } }),
      await api.refused(TOKENS.remove, { path: { name: 'reader' } }),
    ])
      expect(refused).toMatchObject({
        ...{ status: 503, title: 'Postgres cannot be asked' },
        detail: expect.stringMatching(/(?:ENOENT|ECONNREFUSED|terminat).*pulls and pushes go on/),
      })
    clock.move(MINUTES_MS) // no longer than that is a token remembered, while it can be looked at
    for (const by of [api, api.as(String(body['token']))])
      expect((await by.done(HEALTH.get)).body).toMatchObject({
        state: 'degraded',
        parts: { postgres: { state: 'down', cause: expect.any(String) }, core: { state: 'up' } },
      })
    await api.done(CERTIFICATES.authority, { token: null })
    expect(await api.refused(HEALTH.get, { token: 'another' })).toMatchObject({ status: 503 })
    expect(box.tried).toHaveLength(tried)
    server = await start(folder)
    expect((await api.done(NGINX.patch, { body: { readTimeout: 1 } })).body['readTimeout']).toBe(1)
    expect((await api.done(HEALTH.get)).body['state']).toBe('up')
    expect((await api.refused(HEALTH.get, { token: 'another' })).status).toBe(401)
  })

  test('a change that the database could not keep is answered as not done, and undone', async () => {
    const { api, box } = stage
    const before = (await api.done(NGINX.get)).body
    const { promise, resolve } = Promise.withResolvers<void>()
    box.gate = promise
    const change = api.call(NGINX.patch, { body: { readTimeout: 77 } })
    await reached('the change', () => box.inside === 1)
    await server.stop()
    resolve()
    expect((await change).status).toBe(503)
    server = await start(folder)
    expect((await api.done(NGINX.get)).body).toEqual(before)
    const meant = `readTimeout: ${String(before['readTimeout'])}\n`
    await reached('what is meant', () => box.last('nginx.conf').includes(meant))
  })
})

function start(folder: string): Promise<Postgres> {
  return startPostgres({
    ...{
      folder: path.join(folder, 'postgres'),
      runFolder: path.join(folder, 'run'),
      clock: systemClock,
      random: systemRandom,
    },
    ...{ say: () => undefined, durable: false },
  })
}
