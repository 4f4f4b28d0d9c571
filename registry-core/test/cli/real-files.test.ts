import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { request } from 'undici'
import { BINARY, runWith, serve } from './process.js'

/** Files as people have them, by hand from how-tos (reference: setups A and D, Debian's package, Distribution's docs). */
const STORE = readFileSync(join(import.meta.dirname, '../../../../test/support/registry2-config.yml'), 'utf8')
const FILES = {
  'setup-a-store': `${STORE}delete:\n  enabled: true\n`,
  'setup-a-mirror': `${STORE}proxy:\n  remoteurl: https://registry-1.docker.io\n`,
  everything: `version: 0.1
log:
  accesslog: {disabled: true}
  level: debug
  formatter: text
  fields: {service: registry, environment: staging}
  hooks: [{type: mail, disabled: true, levels: [panic], options: {from: a@b}}]
loglevel: debug
storage:
  filesystem: {rootdirectory: /var/lib/registry, maxthreads: 100}
  delete: {enabled: false}
  redirect: {disable: false}
  cache: {blobdescriptor: redis, blobdescriptorsize: 10000}
  maintenance:
    uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}
    readonly: {enabled: false}
reporting:
  bugsnag: {apikey: a, releasestage: b, endpoint: c}
  newrelic: {licensekey: a, name: b, verbose: true}
http:
  addr: localhost:5000
  host: https://myregistryaddress.org:5000
  secret: asecretforlocaldevelopment
  relativeurls: false
  draintimeout: 60s
  debug: {addr: "localhost:5001", prometheus: {enabled: true, path: /metrics}}
  headers: {X-Content-Type-Options: [nosniff]}
  http2: {disabled: false}
redis: {addr: "localhost:6379", password: asecret, db: 0, dialtimeout: 10ms, pool: {maxidle: 16}}
compatibility: {schema1: {signingkeyfile: /etc/registry/key.json, enabled: true}}
policy: {repository: {classes: [image]}}
validation:
  manifests: {urls: {allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: ['^https?://www\\.example\\.com/']}}
`,
} as const

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'e-'))
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, `${name}.yml`), text)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function check(name: keyof typeof FILES, environment: Readonly<Record<string, string>> = {}) {
  const { code, stdout } = await runWith(environment, BINARY, 'check', '--json', join(folder, `${name}.yml`))
  const { findings } = JSON.parse(stdout) as { findings: { kind: string; sentence: string }[] }
  return { code, findings: findings.map(({ kind, sentence }) => `${kind}: ${sentence}`) }
}

const CACHE =
  'accepted: storage.cache is accepted and has no effect: every answer comes from the store, so there is no cache that could be wrong'

describe('a file of registry:2 as people have it', () => {
  test('with a misplaced delete is used, and the line to paste is named (setup A)', async () => {
    expect(await check('setup-a-store')).toEqual({
      code: 1,
      findings: [
        CACHE,
        'misplaced: delete stands in the wrong place and has no effect; write storage: {delete: {enabled: true}}',
      ],
    })
  })

  test('that mirrors is used', async () => {
    expect(await check('setup-a-mirror')).toEqual({ code: 0, findings: [CACHE] })
  })

  test('with variables of a compose file is used (setup D)', async () => {
    const variables = {
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data',
      REGISTRY_PORT: 'tcp://10.0.0.1:5000',
    }
    const { stdout } = await runWith(variables, BINARY, 'check', join(folder, 'setup-a-store.yml'))
    expect(stdout).toContain('the store is /data\n')
    expect(stdout).toContain('the variable REGISTRY_PORT names no key and has no effect')
  })

  test('with every key at once has no finding but what is accepted', async () => {
    const { code, findings } = await check('everything')
    expect(findings.filter((finding) => !finding.startsWith('accepted'))).toEqual([])
    expect([code, findings.length]).toEqual([0, 10])
  })
})

describe('serve with the file of setup A', () => {
  test('starts unchanged, warns of what is misplaced, and obeys it not', async () => {
    const root = join(folder, 'store')
    const file = join(folder, 'setup-a-store.yml')
    const serving = await serve(file, [
      'env',
      'REGISTRY_HTTP_ADDR=127.0.0.1:0',
      `REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=${root}`,
    ])
    const url = `http://127.0.0.1:${serving.port}/v2/a/manifests/sha256:${'a'.repeat(64)}`
    const { statusCode, headers, body } = await request(url, { method: 'DELETE' })
    await body.dump()
    expect([statusCode, headers['x-content-type-options']]).toEqual([405, 'nosniff'])
    expect(await serving.stop()).toBe(0)
    expect(serving.log()).toMatch(/level=warning msg="delete stands in the wrong place .*service=registry/)
    expect(serving.log()).toMatch(
      /level=info msg="storage.cache is accepted and has no effect: .*service=registry/,
    )
  })
})

describe('a store in memory', () => {
  test('takes pushes, and is gone without a trace when the process stops', async () => {
    const file = join(folder, 'inmemory.yml')
    writeFileSync(file, 'version: 0.1\nstorage: inmemory\nhttp: {addr: "127.0.0.1:0"}\n')
    const serving = await serve(file)
    const root = /root=(\S+)/.exec(serving.log())?.[1] ?? ''
    expect(existsSync(join(root, 'entrepot'))).toBe(true)
    const url = `http://127.0.0.1:${serving.port}/v2/a/blobs/uploads/`
    const { statusCode, body } = await request(url, { method: 'POST' })
    await body.dump()
    expect(statusCode).toBe(202)
    expect(await serving.stop()).toBe(0)
    expect(existsSync(root)).toBe(false)
  })
})
