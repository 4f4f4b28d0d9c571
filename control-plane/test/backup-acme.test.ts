import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { systemRandom } from '#control/system/random.js'
import { Sealing } from '#control/system/sealed.js'
import { type ApiStage, openApiStage } from './support/api-stage.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'
import { backup, sent } from './support/lived-box.js'

let postgres: TestPostgres
const stages: ApiStage[] = []

beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(async () => {
  for (const stage of stages) await stage.close()
  await postgres?.stop()
})

async function open(key: number): Promise<ApiStage> {
  const stage = await openApiStage({ url: await postgres.freshDatabase(), key })
  stages.push(stage)
  return stage
}

function sealing(key: number): Sealing {
  return new Sealing(Buffer.alloc(32, key), systemRandom)
}

test('a restore brings the account of ACME, sealed by its own key then; one of before they were sealed too', async () => {
  const [sealed, plain] = ['account-0123456789abcdef.key', 'account-fedcba9876543210.key']
  const [old, next] = [await open(7), await open(9)]
  const acme = (stage: ApiStage) => path.join(stage.certificates, 'acme')
  mkdirSync(acme(old))
  writeFileSync(path.join(acme(old), sealed), sealing(7).seal('a key', `acme ${sealed}`))
  writeFileSync(path.join(acme(old), plain), '-----BEGIN PRIVATE KEY-----')
  await next.api.done(BACKUP.restore, sent(await backup(old)))
  const read = (name: string) =>
    sealing(9).open(readFileSync(path.join(acme(next), name), 'utf8'), `acme ${name}`)
  expect([read(sealed), read(plain)]).toEqual(['a key', '-----BEGIN PRIVATE KEY-----'])
  writeFileSync(path.join(acme(old), sealed), sealing(8).seal('a key', `acme ${sealed}`))
  expect(await next.api.refused(BACKUP.restore, sent(await backup(old)))).toMatchObject({
    ...{ status: 400, detail: expect.stringContaining('was not sealed by its secret key') },
  })
})
