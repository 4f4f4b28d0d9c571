import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { packTar, unpackTar } from 'modern-tar'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import { AUDIT_ROUTES as AUDIT } from '#control/audit/audit.schema.js'
import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { CONFIGURATION_ROUTES as HISTORY } from '#control/front/configuration.schema.js'
import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import { changed, filled, proxied, rowsIn } from './support/backup-rows.js'
import { ADMIN_TOKEN, type ApiStage, openApiStage } from './support/api-stage.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'
import { entrepot } from './support/entrepot.js'
import { backup, leftOvers, live, look, PASSWORD, sent } from './support/lived-box.js'

const PASSPHRASE = 'correct horse battery'

let postgres: TestPostgres
const stages: ApiStage[] = []

beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.close()
})
afterAll(async () => postgres?.stop())

async function open(key?: number): Promise<ApiStage & { readonly url: string }> {
  const url = await postgres.freshDatabase()
  const stage = await openApiStage({ url, ...(key !== undefined && { key }) })
  stages.push(stage)
  return { ...stage, url }
}

/** A box with something of everything. */
async function lived() {
  const stage = await open()
  await live(stage)
  return stage
}

describe('a restore on an empty box', () => {
  test('brings every setting, account, password, request and the authority back', async () => {
    const old = await lived()
    const wanted = await look(old)
    const hashes = old.box.last('registry.yml')
    const next = await open(9)
    const { body } = await next.api.done(BACKUP.restore, sent(await backup(old)))
    expect(await look(next)).toEqual(wanted)
    expect(next.box.last('registry.yml')).toBe(hashes) // the same hashes: logins go on
    expect(next.box.last('quay.io.password')).toBe(PASSWORD) // sealed by this box's own key
    expect(body['authority']).toBe((wanted.authority as { fingerprint: string }).fingerprint)
    expect(leftOvers(next)).toEqual([])
    expect(statSync(path.join(next.certificates, 'ca.key')).mode & 0o777).toBe(0o600)
  })

  test('twice is the same as once', async () => {
    const old = await lived()
    const file = await backup(old)
    const next = await open(9)
    await next.api.done(BACKUP.restore, sent(file))
    const once = await look(next)
    const { body } = await next.api.done(BACKUP.restore, sent(file))
    expect(await look(next)).toEqual(once)
    expect(body['rows']).toMatchObject({ audit: 0, configuration: 0 })
  })

  test('keeps its own audit and history, and adds those of the backup', async () => {
    const old = await lived()
    const next = await open(9)
    await next.api.done(ACCOUNTS.create, { body: { name: 'of-before' } })
    await next.api.done(BACKUP.restore, sent(await backup(old)))
    const { items } = (await next.api.done(AUDIT.list, { query: { limit: 1000 } })).body as {
      items: { action: string; target: string }[]
    }
    const rows = items.map(({ action, target }) => `${action} ${target}`)
    expect(rows[0]).toMatch(/^restore 20/)
    expect(rows).toEqual(expect.arrayContaining(['accounts.create of-before', 'accounts.create ci']))
  })

  test('an earlier configuration of the old box can be gone back to, with its password', async () => {
    const old = await lived()
    const next = await open(9)
    await next.api.done(BACKUP.restore, sent(await backup(old)))
    const { items } = (await next.api.done(HISTORY.list)).body as { items: { id: number; reason: string }[] }
    const id = items.find(({ reason }) => reason === 'upstreams.put quay.io')?.id ?? 0
    await next.api.done(UPSTREAMS.remove, { path: { host: 'quay.io' } })
    await next.api.done(HISTORY.rollback, { path: { id } })
    expect(next.box.last('quay.io.password')).toBe(PASSWORD)
  })
})

test("a proxy's password that the backup has in the clear is hidden, and used", async () => {
  const old = await lived()
  await proxied(old.url, 'http://robot:canary-of-then@proxy.example:3128')
  const file = await backup(old)
  expect(JSON.stringify(await rowsIn(file))).toContain('canary-of-then') // it was there to be found
  const next = await open(9)
  await next.api.done(BACKUP.restore, sent(file))
  const restored = JSON.stringify(await rowsIn(await backup(next)))
  expect(restored).toContain('http://robot:***@proxy.example:3128')
  expect(restored).not.toContain('canary-of-then')
  expect(next.box.last('quay.io.proxy-password')).toBe('canary-of-then')
  expect(next.box.last('quay.io.password')).toBe(PASSWORD)
  const { items } = (await next.api.done(HISTORY.list)).body as { items: { id: number; reason: string }[] }
  const id = items.find(({ reason }) => reason === 'upstreams.put quay.io')?.id ?? 0
  await next.api.done(UPSTREAMS.remove, { path: { host: 'quay.io' } })
  await next.api.done(HISTORY.rollback, { path: { id } })
  expect(next.box.last('quay.io.proxy-password')).toBe('canary-of-then')
})

test('a restored row of history with settings that are none is not gone back to, and stops no other change', async () => {
  const old = await lived()
  await changed(old.url, `UPDATE configuration SET intent = intent || '{"nginx": {"readTimeout": "soon"}}'`)
  const { api } = await open(9)
  await api.done(BACKUP.restore, sent(await backup(old)))
  const { items } = (await api.done(HISTORY.list)).body as { items: { id: number; reason: string }[] }
  const id = items.find(({ reason }) => reason === 'upstreams.put quay.io')?.id ?? 0
  const [refused] = await Promise.all([
    api.refused(HISTORY.rollback, { path: { id } }),
    ...['a', 'b'].map((name) => api.done(ACCOUNTS.create, { body: { name } })),
  ])
  expect(refused).toMatchObject({
    status: 422,
    detail: expect.stringMatching(
      /^this version does not take it: the nginx settings of then: readTimeout: /,
    ),
  })
})

describe('a passphrase', () => {
  test('hides everything, and is needed to restore', async () => {
    const old = await lived()
    const file = await backup(old, PASSPHRASE)
    expect(file.subarray(0, 27).toString()).toBe('entrepot-backup-encrypted 1')
    const next = await open(9)
    expect((await next.api.refused(BACKUP.restore, sent(file))).detail).toContain('send the passphrase')
    const wrong = await next.api.refused(BACKUP.restore, sent(file, 'another passphrase'))
    expect(wrong).toMatchObject({
      status: 400,
      detail: 'it was made with another passphrase; nothing has changed',
    })
    await next.api.done(BACKUP.restore, sent(file, PASSPHRASE))
    expect(await look(next)).toEqual(await look(old))
  })
})

describe('what is refused', () => {
  test.each([undefined, PASSPHRASE])(
    'a file that is cut, or of which a byte is another (passphrase %p)',
    async (passphrase) => {
      const file = await backup(await lived(), passphrase)
      const next = await open(9)
      const before = await look(next)
      const tried = next.box.tried.length
      for (let part = 0; part < 8; part += 1) {
        const at = Math.floor((file.length * part) / 8) + 12 // the first bytes of a gzip say when and where it was made
        const changed = Buffer.from(file)
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
        for (const broken of [file.subarray(0, at), changed, file.subarray(0, file.length - 1 - part)]) {
          const { status, detail } = await next.api.refused(BACKUP.restore, sent(broken, passphrase))
          expect({ status, detail }).toMatchObject({
            status: 400,
            detail: expect.stringMatching(/nothing has changed$/),
          })
        }
      }
      expect(await look(next)).toEqual(before)
      expect(next.box.tried.length).toBe(tried)
      expect(leftOvers(next)).toEqual([])
    },
  )

  test('another format, a row that is none, a foreign entry and foreign files are told apart', async () => {
    const entries = await unpackTar(gunzipSync(await backup(await lived())))
    const { api } = await open(9)
    const repacked = async (change: (name: string, text: string) => string) => {
      const changed = entries.map(({ header, data = new Uint8Array() }) => {
        const body = change(header.name, Buffer.from(data).toString('utf8'))
        return { header: { name: header.name, size: Buffer.byteLength(body) }, body }
      })
      return (await api.refused(BACKUP.restore, sent(gzipSync(await packTar(changed))))).detail
    }
    const other = await repacked((name, text) => (name === 'entrepot-backup.json' ? '{"format": 2}' : text))
    expect(other).toBe(
      'it has the format 2, and this version reads format 1: use the version that made it; nothing has changed',
    )
    expect(await repacked((name, text) => (/account/.test(name) ? text.replace('ci', 'co') : text))).toMatch(
      /account.* was changed/,
    )
    const file = Buffer.from(await packTar([{ header: { name: '../escape', size: 1 }, body: 'x' }]))
    for (const foreign of [Buffer.from('#!/bin/sh'), gzipSync('hello'), gzipSync(file), Buffer.from([0x1f])])
      expect((await api.refused(BACKUP.restore, sent(foreign))).status).toBe(400)
    expect((await api.refused(BACKUP.restore, sent(gzipSync(file)))).detail).toContain(
      'no backup of an Entrepot',
    )
    expect((await api.refused(BACKUP.restore)).detail).toContain('the body is empty')
  })

  test('a configuration that the box does not take leaves everything, the authority too', async () => {
    const file = await backup(await lived())
    const next = await open(9)
    const before = await look(next)
    next.box.answer = { outcome: 'refused', stage: 'probe', reason: 'it was told to' }
    const { status, detail } = await next.api.refused(BACKUP.restore, sent(file))
    expect({ status, detail }).toEqual({ status: 422, detail: 'probe does not take it: it was told to' })
    next.box.answer = { outcome: 'applied' }
    expect(await look(next)).toEqual(before)
    expect(leftOvers(next)).toEqual([])
    await next.api.done(BACKUP.restore, sent(file))
  })
})

test('under load of changes a backup is one moment: each account has its line in the audit, and no more', async () => {
  const stage = await open()
  let isOver = false
  const changing = (async () => {
    for (let number = 0; !isOver; number += 1)
      await stage.api.done(ACCOUNTS.create, { body: { name: `account-${number}` } })
  })()
  const files: Buffer[] = []
  for (let turn = 0; turn < 5; turn += 1) files.push(await backup(stage))
  isOver = true
  await changing
  for (const file of files) {
    const rows = await rowsIn(file)
    const made = (rows['audit'] ?? [])
      .filter(({ action }) => action === 'accounts.create')
      .map(({ target }) => String(target))
    expect((rows['account'] ?? []).map(({ name }) => String(name)).toSorted()).toEqual(made.toSorted())
    expect(rows['configuration']?.at(-1)).toMatchObject({ intent: { accounts: { length: made.length } } })
  }
})

test('no passphrase, password or key stands in the audit or the log', async () => {
  const old = await lived()
  const file = await backup(old, PASSPHRASE)
  await old.api.done(BACKUP.restore, sent(file, PASSPHRASE))
  await old.api.refused(BACKUP.restore, sent(file, 'another passphrase'))
  const texts = [...old.log, (await old.api.done(AUDIT.list, { query: { limit: 1000 } })).text].join('\n')
  const secrets = [PASSPHRASE, 'another passphrase', PASSWORD, 'PRIVATE KEY', '$2y$', '$argon2', ADMIN_TOKEN]
  for (const secret of [...secrets, ...secrets.map((text) => Buffer.from(text).toString('base64'))])
    expect(texts).not.toContain(secret)
})

test('100,000 rows of the audit go out and come in, in memory that stays flat', async () => {
  const old = await lived()
  await filled(old.url, 100_000)
  const before = process.memoryUsage.rss()
  const file = await backup(old, PASSPHRASE)
  const next = await open(9)
  const { body } = await next.api.done(BACKUP.restore, sent(file, PASSPHRASE))
  const grownMiB = (process.memoryUsage.rss() - before) / 1024 ** 2
  expect((body['rows'] as { audit: number }).audit).toBeGreaterThan(100_000)
  expect(grownMiB).toBeLessThan(250) // 100 MiB of rows: at once they would take several times that
})

test('entrepot backup writes a file for its owner alone, and entrepot restore takes it back', async () => {
  const old = await lived()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const [file, passphrase] = [path.join(folder, 'box.backup'), path.join(folder, 'passphrase')]
  writeFileSync(passphrase, `${PASSPHRASE}\n`)
  const run = (stage: ApiStage, ...args: readonly string[]) =>
    entrepot(args, { ENTREPOT_SERVER: stage.base, ENTREPOT_ADMIN_TOKEN: ADMIN_TOKEN, HOME: folder })
  expect(await run(old, 'backup', file, '--passphrase-file', passphrase)).toMatchObject({
    code: 0,
    error: '',
  })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const next = await open(9)
  const without = await run(next, 'restore', file)
  expect(without).toMatchObject({ code: 1, error: expect.stringContaining('send the passphrase') })
  expect(await run(next, 'restore', file, '--passphrase-file', passphrase)).toMatchObject({
    code: 0,
    error: '',
  })
  expect(await look(next)).toEqual(await look(old))
  expect(await run(old, 'backup', path.join(folder, 'clear'))).toMatchObject({
    out: expect.stringContaining('every secret of the box in the clear'),
  })
  expect(readdirSync(folder).toSorted()).toEqual(['box.backup', 'clear', 'passphrase'])
  rmSync(folder, { recursive: true })
})
