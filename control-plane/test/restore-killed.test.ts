import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import { BACKUP_ROUTES as BACKUP } from '#control/backup/backup.schema.js'
import { CERTIFICATE_ROUTES as CERTIFICATES } from '#control/front/certificates.schema.js'
import { NGINX_SETTINGS_ROUTES as NGINX } from '#control/front/nginx-settings.schema.js'
import { type ApiStage, openApiStage } from './support/api-stage.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'

const PROGRAM = path.join(import.meta.dirname, 'programs/restore-killed.js')
/** Of programs at once. */
const TOGETHER = 2
/** Each step takes seconds: EVERY=1 tries all of them, in some minutes. */
const EVERY = Number(process.env['EVERY'] ?? '4')

let postgres: TestPostgres
let folder: string

beforeAll(async () => {
  postgres = await startTestPostgres()
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
})
afterAll(async () => {
  await postgres?.stop()
  rmSync(folder, { recursive: true })
})

/** A box as it lies there when it does not run. */
interface Box {
  readonly url: string
  readonly certificates: string
}

/** A box in which something was done. */
async function made(name: string, key: number, live: (stage: ApiStage) => Promise<void>): Promise<Box> {
  const box = { url: await postgres.freshDatabase(), certificates: path.join(folder, name) }
  const stage = await openApiStage({ ...box, key })
  await stage.api.done(ACCOUNTS.create, { body: { name } })
  await stage.api.done(CERTIFICATES.request, { body: { key: 'p256' } })
  await live(stage)
  await stage.close()
  return box
}

/** What the box has after its next start: all that is meant, what is in force, and the files. */
async function look(box: Box) {
  const stage = await openApiStage({ ...box, key: 9 })
  const { api, certificates } = stage
  const shown: unknown[] = []
  for (const route of [ACCOUNTS.list, NGINX.get, CERTIFICATES.requests])
    shown.push((await api.done(route)).body)
  shown.push((await api.done(CERTIFICATES.show)).body['authority'])
  const inForce = [stage.box.last('registry.yml'), stage.box.last('nginx.conf').replace(/^#.*\n/, '')]
  await stage.close()
  const authority = ['ca.pem', 'ca.key'].map((name) => readFileSync(path.join(certificates, name), 'utf8'))
  // A start with another authority issues a certificate of the server, under a name of its own.
  const names = readdirSync(certificates, { recursive: true }).map(String)
  const files = names.filter((name) => !name.startsWith('server/')).toSorted()
  return { shown, inForce, authority, files }
}

/** Whether the program came to its end before the step. */
function restoredWhole(box: Box, backup: string, step: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  const args = [PROGRAM, box.url, box.certificates, backup, String(step)]
  execFile(process.execPath, args, { timeout: 50_000 }, (error, out, said) => {
    if (error === null) resolve(out === 'whole\n')
    else if (error.signal === 'SIGKILL' && said === '') resolve(false)
    else reject(new Error(`step ${step}: ${error.message}\n${said}`))
  })
  return promise
}

test('a restore that is killed at any step leaves the old box or the new one, never something of both', async () => {
  const backup = path.join(folder, 'backup')
  await made('from', 7, async ({ api }) => {
    await api.done(NGINX.patch, { body: { maxUploadSize: '32g' } })
    writeFileSync(backup, (await api.done(BACKUP.backup, { body: {} })).bytes)
  })
  const into = await made('into', 9, async ({ api }) => {
    await api.done(NGINX.patch, { body: { maxUploadSize: '1g' } })
  })
  async function copied(name: string): Promise<Box> {
    const certificates = path.join(folder, name)
    cpSync(into.certificates, certificates, { recursive: true })
    return { url: await postgres.copyOf(into.url), certificates }
  }
  const old = await look(await copied('old'))
  const whole = await copied('whole')
  expect(await restoredWhole(whole, backup, Number.MAX_SAFE_INTEGER)).toBe(true)
  const next = await look(whole)
  expect(next).not.toEqual(old)

  const found = new Map<number, 'new' | 'old'>()
  let isWhole = false
  async function tryStep(step: number): Promise<void> {
    const box = await copied(`killed-${step}`)
    const isOver = await restoredWhole(box, backup, step)
    isWhole ||= isOver
    const shown = await look(box)
    const isNew = shown.shown[0] !== undefined && JSON.stringify(shown.shown) === JSON.stringify(next.shown)
    expect({ step, ...shown }).toEqual({ step, ...(isNew ? next : old) })
    if (!isOver) found.set(step, isNew ? 'new' : 'old')
  }
  for (let step = 1; !isWhole; step += TOGETHER * EVERY)
    await Promise.all(Array.from({ length: TOGETHER }, (_, at) => tryStep(step + at * EVERY)))
  // What comes after the database's decision are few steps: all of the last ones are tried.
  const last = Math.max(...found.keys())
  await Promise.all(Array.from({ length: EVERY - 1 }, (_, at) => tryStep(last + 1 + at)))
  const became = [...found].toSorted(([one], [other]) => one - other).map(([, which]) => which)
  process.stdout.write(`killed at ${became.length} steps: ${became.join(' ')}\n`)
  expect(new Set(became)).toEqual(new Set(['old', 'new']))
  expect(became.toSorted().toReversed()).toEqual(became) // the database decides, once
}, 600_000)
