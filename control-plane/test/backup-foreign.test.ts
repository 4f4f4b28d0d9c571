import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'

import { ADMIN_TOKEN_ROUTES as TOKENS } from '#control/access/admin-token.schema.js'
import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { type ApiStage, openApiStage, type StageOptions } from './support/api-stage.js'
import { changed, rowsIn } from './support/backup-rows.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'
import { backup, live, sent } from './support/lived-box.js'

// Backups whose rows no box has written.

let postgres: TestPostgres
const stages: ApiStage[] = []

beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close()
})
afterAll(async () => postgres?.stop())

async function open(options?: Partial<StageOptions>): Promise<ApiStage & { readonly url: string }> {
  const url = await postgres.freshDatabase()
  const stage = await openApiStage({ url, ...options })
  stages.push(stage)
  return { ...stage, url }
}

test('versions at the end of their column, in a backup and on a box, are low again after a restore', async () => {
  const old = await open()
  await live(old)
  for (const table of ['setting', 'account', 'upstream'])
    await changed(old.url, `UPDATE ${table} SET version = 2147483647`)
  const file = await backup(old)
  for (const stage of [old, old, await open({ key: 9 })]) {
    await stage.api.done(BACKUP.restore, sent(file))
    const { setting = [], account = [], upstream = [] } = await rowsIn(await backup(stage))
    const versions = [...setting, ...account, ...upstream].map(({ version }) => Number(version))
    expect(Math.max(...versions)).toBeLessThan(20)
    await stage.api.done(NGINX.patch, { body: { maxUploadSize: '16g' } })
  }
})

test('a backup without an administrator leaves the token that restores it, though one of its own is called so', async () => {
  const old = await open()
  const file = await backup(old) // its one token is of its environment
  const next = await open({ key: 9, adminToken: null })
  await next.api.done(BACKUP.restore, sent(file))
  expect((await next.api.done(TOKENS.list)).body).toMatchObject({ items: [{ name: 'first-start' }] })
  await old.api.done(TOKENS.create, { body: { name: 'first-start', rights: 'operate' } })
  await next.api.done(BACKUP.restore, sent(await backup(old)))
  await old.api.done(TOKENS.create, { body: { name: 'jo', rights: 'admin' } })
  await changed(old.url, "UPDATE admin_token SET until = '2020-01-01' WHERE name = 'jo'")
  await next.api.done(BACKUP.restore, sent(await backup(old)))
  const { items } = (await next.api.done(TOKENS.list)).body as { items: { name: string; rights: string }[] }
  expect(items.map(({ name, rights }) => [name, rights])).toEqual([
    ['first-start', 'admin'],
    ['jo', 'admin'],
  ])
  await changed(old.url, "UPDATE admin_token SET until = NULL WHERE name = 'jo'")
  await next.api.done(BACKUP.restore, sent(await backup(old)))
  expect((await next.api.refused(TOKENS.list)).status).toBe(401) // jo comes in
})
