import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'

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
