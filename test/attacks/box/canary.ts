import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'

import { expect, test } from '@jest/globals'

import { Database } from '#control/database/database.js'
import { systemClock } from '#control/system/clock.js'

import type { RunningBox } from '../../box/running-box.js'
import { askAdmin } from './ask-admin.js'

const READ_ROUTES = [
  ...[
    'accounts',
    'admin-tokens',
    'audit?limit=1000',
    'upstreams',
    'settings/nginx',
    'certificates',
    'certificates/requests',
  ],
  ...['config/history?limit=1000', 'health', 'upstreams/canary.example', 'accounts/canary', 'clients/docker'],
]
const PASSPHRASE = 'a passphrase of the canary'
/** Where the box itself must have what it sends to an upstream. */
const OF_UPSTREAMS =
  /^config\/(?:generations\/[^/]+|current|applied)\/upstreams\/canary\.example\.(?:password|proxy-password)$/
const PEM_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[A-Za-z0-9+/=]{16}/
/** What nginx reads, or is to read, and the authority's own. */
const OF_TLS = /^certificates\/(?:ca\.key|(?:server|requests)\/[^/]+\.key)$/

interface Secrets {
  /** Sent by an admin, and read by nobody. */
  readonly canaries: readonly string[]
  /** Shown once in an answer. */
  readonly made: readonly string[]
}

/** Rows 73 and 74: everything that has to do with a secret, and every place where one might lie afterwards. */
export function testCanary(box: () => RunningBox): void {
  let secrets: Secrets = { canaries: [], made: [] }
  let exposed: ReadonlySet<string> = new Set()
  const all = (): readonly string[] => [
    ...secrets.canaries,
    ...secrets.made,
    box().token,
    box().account.password,
  ]

  test('no secret stands in the arguments or the environment of any process while settings change', async () => {
    const canaries = ['password', 'proxy', 'passphrase', 'guess', 'binding'].map(
      (what) => `canary-${what}-${randomBytes(9).toString('hex')}`,
    )
    const watching = new Watching([...canaries, box().token, box().account.password])
    secrets = { canaries, made: await makeSecrets(box(), canaries) }
    exposed = await watching.end()
    expect([...exposed]).toEqual([])
  })

  test('no secret stands in an answer, in the audit, in the history or in a file of a log', async () => {
    const texts: string[] = []
    for (const target of READ_ROUTES)
      texts.push((await askAdmin(box(), { target: `/api/v1/${target}` })).text)
    const history = JSON.parse(texts[7] ?? '') as { readonly items: readonly { readonly id: number }[] }
    for (const { id } of history.items.slice(0, 12))
      texts.push((await askAdmin(box(), { target: `/api/v1/config/history/${id}` })).text)
    for (const secret of [...all(), '$2b$', '$2y$', '$argon2', 'PRIVATE KEY'])
      expect([
        secret,
        texts.filter((text) => text.includes(secret)).map((text) => text.slice(0, 200)),
      ]).toEqual([secret, []])
  })

  test('the first start has printed its token and its password once, and nothing else of this', () => {
    const said = box().log()
    for (const secret of [...secrets.canaries, ...secrets.made]) expect(said).not.toContain(secret)
    for (const secret of [box().token, box().account.password]) expect(said.split(secret)).toHaveLength(2)
  })

  test('no secret stands in a file of the box, but what upstreams are sent, which only its owner reads', () => {
    const found = filesBelow(box().data).filter((file) => {
      const bytes = readFileSync(path.join(box().data, file))
      return all().some((secret) => bytes.includes(secret))
    })
    expect(found.filter((file) => !OF_UPSTREAMS.test(file))).toEqual([])
    expect(found.length).toBeGreaterThan(0)
    const isKey = (file: string) => PEM_KEY.test(readFileSync(path.join(box().data, file), 'latin1'))
    const plain = filesBelow(box().data).filter(isKey)
    expect(plain.filter((file) => !OF_TLS.test(file))).toEqual([])
    expect(plain.length).toBeGreaterThan(1)
    expect(filesBelow(box().data).some((file) => file.startsWith('certificates/acme/account-'))).toBe(true)
    const open = filesBelow(box().data).filter(
      (file) =>
        /(?:password|\.key|registry\.yml|\.ca\.pem)$/.test(file) &&
        (statSync(path.join(box().data, file)).mode & 0o007) !== 0,
    )
    expect(open).toEqual([])
    expect(statSync(path.join(box().data, 'secret.key')).mode & 0o777).toBe(0o600)
  })

  test('a stolen dump of the database holds no secret, only hashes and what is sealed', async () => {
    const dump = await dumpOf(box())
    expect(dump).toContain('canary.example') // it is the one that has them
    expect(dump).toContain('$argon2id$')
    const key = readFileSync(path.join(box().data, 'secret.key'), 'utf8').trim()
    for (const secret of [...all(), key, 'PRIVATE KEY'])
      expect([secret, dump.includes(secret)]).toEqual([secret, false])
  })

  test('a backup with a passphrase can be read by nobody who has not got that', async () => {
    const { status, text } = await askAdmin(box(), {
      method: 'POST',
      target: '/api/v1/backup',
      body: { passphrase: PASSPHRASE },
    })
    expect(status).toBe(200)
    for (const secret of [...all(), 'canary.example', 'secretHash'])
      expect([secret, text.includes(secret)]).toEqual([secret, false])
    expect(text.slice(0, 2)).not.toBe('\u001f\u008b')
  })
}

/** Well and badly. Answers those that were shown once. */
async function makeSecrets(
  box: RunningBox,
  [password = '', proxy = '', passphrase = '', guess = '', binding = '']: readonly string[],
): Promise<readonly string[]> {
  const ask = (method: string, target: string, body?: object) =>
    askAdmin(box, { method, target: `/api/v1/${target}`, ...(body !== undefined && { body }) })
  const made: string[] = []
  const upstream = {
    username: 'robot',
    password,
    proxy: `http://robot:${proxy}@proxy.example:3128`,
    urls: ['https://canary.example'],
  }
  await ask('PUT', 'upstreams/canary.example', upstream)
  await ask('PATCH', 'upstreams/canary.example', { ...upstream, maxConnections: 3 })
  await ask('PUT', 'upstreams/canary.example', { ...upstream, colour: 'red' })
  await ask('PUT', 'upstreams/wrong.example', { password })
  await ask('POST', 'upstreams/canary.example/check')
  await ask('POST', 'accounts', { name: 'canary', password })
  for (const [method, target] of [
    ['POST', 'accounts'],
    ['POST', 'accounts/canary/rotate'],
  ] as const)
    made.push(
      String(
        Reflect.get(JSON.parse((await ask(method, target, { name: 'canary' })).text) as object, 'password'),
      ),
    )
  const token = JSON.parse((await ask('POST', 'admin-tokens', { name: 'canary', rights: 'read' })).text) as {
    token: string
  }
  made.push(token.token)
  await askAdmin(box, { target: '/api/v1/health', token: token.token })
  await askAdmin(box, { target: '/api/v1/health', token: guess, from: '127.0.0.70' })
  const externalAccount = { keyId: 'canary', hmacKey: binding }
  const acme = { directory: 'https://127.0.0.1:1/dir', termsAgreed: true, names: ['canary.example'] }
  await ask('PUT', 'certificates/acme', { ...acme, externalAccount }) // the account's key is made before anybody is asked
  await ask('POST', 'backup', { passphrase })
  await ask('POST', 'backup', { passphrase, wrong: passphrase })
  const login = { authorization: `Basic ${Buffer.from(`canary:${guess}`).toString('base64')}` }
  await askAdmin(box, {
    target: '/v2/',
    port: box.ports.tls,
    token: null,
    headers: login,
    from: '127.0.0.70',
  })
  expect(made.every((secret) => secret.length > 20)).toBe(true)
  return made
}

/** Looks at every process of the machine, again and again. */
class Watching {
  readonly #secrets: readonly string[]
  readonly #seen = new Set<string>()
  readonly #ended: Promise<void>
  #isOver = false

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets
    this.#ended = this.#watch()
  }

  /** What stood where: the kind of place, and the program. */
  async end(): Promise<ReadonlySet<string>> {
    this.#isOver = true
    await this.#ended
    return this.#seen
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      for (const pid of readdirSync('/proc').filter(
        (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
      ))
        for (const place of ['cmdline', 'environ']) {
          const text = contentOf(`/proc/${pid}/${place}`)
          const secret = this.#secrets.find((each) => text.includes(each))
          if (secret !== undefined)
            this.#seen.add(`${place} of ${contentOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
        }
      await systemClock.sleep(5)
    }
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return '' // ended meanwhile
  }
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const file = path.join(folder, name)
    return !name.startsWith('store/') && existsSync(file) && statSync(file).isFile()
  })
}

/** Every row of every table, by the address that the control plane has. */
async function dumpOf(box: RunningBox): Promise<string> {
  const environment = contentOf(`/proc/${box.pidOf('control plane')}/environ`).split('\0')
  const url =
    environment.find((each) => each.startsWith('DATABASE_URL='))?.slice('DATABASE_URL='.length) ?? ''
  const database = new Database({ url, clock: systemClock })
  try {
    return await database.transaction(async (manager) => {
      const tables = await manager.query<{ name: string }[]>(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
      )
      const rows = []
      for (const { name } of tables)
        rows.push(
          ...(await manager.query<{ row: string }[]>(`SELECT row_to_json(t)::text AS row FROM "${name}" t`)),
        )
      return rows.map(({ row }) => row).join('\n')
    })
  } finally {
    await database.close()
  }
}
