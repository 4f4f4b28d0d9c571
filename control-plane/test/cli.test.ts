import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse, parseAllDocuments } from 'yaml'

import { ADMIN_TOKEN, type ApiStage, openApiStage } from './support/api-stage.js'
import { startTestPostgres, type TestPostgres } from './support/database.js'
import { entrepot, type Ran } from './support/entrepot.js'

let postgres: TestPostgres
let stage: ApiStage
let home: string
let at: { ENTREPOT_SERVER: string; ENTREPOT_ADMIN_TOKEN: string; HOME: string }

beforeAll(async () => {
  postgres = await startTestPostgres()
  stage = await openApiStage({ url: await postgres.freshDatabase() })
  home = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  at = { ENTREPOT_SERVER: stage.base, ENTREPOT_ADMIN_TOKEN: ADMIN_TOKEN, HOME: home }
})
afterAll(async () => {
  await stage?.close()
  await postgres?.stop()
  rmSync(home, { recursive: true })
})

/** What must succeed. */
async function done(args: readonly string[], stdin?: string): Promise<string> {
  const { code, out, error } = await entrepot(args, at, stdin)
  expect({ code, error }).toEqual({ code: 0, error: '' })
  return out
}

async function json(args: readonly string[], stdin?: string): Promise<unknown> {
  return JSON.parse(await done([...args, '-o', 'json'], stdin))
}

describe('entrepot', () => {
  test('status shows every part, for people and for programs', async () => {
    expect(await done(['status'])).toMatch(/^The box is \w+\.\nPART +STATE +CAUSE\n(?:.*\n)*postgres +up\n/)
    expect(await json(['status'])).toMatchObject({ parts: { postgres: { state: 'up' } } })
    expect(parse(await done(['status', '-o', 'yaml']))).toMatchObject({ parts: { core: { state: 'up' } } })
  })

  test('upstreams are added, changed, shown, listed and taken out', async () => {
    const ca = path.join(home, 'ca.pem')
    writeFileSync(ca, '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
    const host = 'gitlab.example'
    await done(
      ['upstreams', 'add', host, '--ca-file', ca, '--username', 'bot', '--password-stdin'],
      'hunter2\n',
    )
    expect(stage.box.last(`${host}.password`)).toBe('hunter2')
    await done(['upstreams', 'set', host, '--fresh-for', '1h', '--setting', 'maxConnections=4'])
    expect(await json(['upstreams', 'show', host])).toEqual({
      ...{ host, username: 'bot', freshFor: '1h', maxConnections: 4, hasPassword: true },
      ca: readFileSync(ca, 'utf8'),
    })
    await done(['upstreams', 'set', host, '--unset', 'freshFor'])
    expect(await done(['upstreams', 'ls'])).toMatch(/gitlab\.example +yes +.*maxConnections=4/)
    const again = await entrepot(['upstreams', 'add', host], at)
    expect(again).toMatchObject({ code: 1, out: '', error: expect.stringContaining('upstreams set gitlab') })
    await done(['upstreams', 'rm', host])
    expect((await entrepot(['upstreams', 'show', host], at)).error).toMatch(
      /^entrepot: There is none: no upstream is called gitlab\.example: a list shows how each is called\n\(request [0-9a-f-]+\)\n$/,
    )
  })

  test('settings come from a file or from stdin too', async () => {
    const file = path.join(home, 'upstream.yml')
    writeFileSync(file, 'freshFor: 2h\naliases: [mirror.example]\n')
    expect(await json(['upstreams', 'add', 'file.example', '-f', file])).toMatchObject({ freshFor: '2h' })
    const shown = await done(['upstreams', 'show', 'file.example', '-o', 'yaml'])
    expect(parse(await done(['upstreams', 'set', 'file.example', '-f', '-', '-o', 'yaml'], shown))).toEqual(
      parse(shown),
    )
    expect(await json(['upstreams', 'set', 'file.example', '-f', '-'], '{"freshFor": "3h"}')).toMatchObject({
      ...{ freshFor: '3h', aliases: ['mirror.example'] },
    })
  })

  test('a new account logs in where the box says that its registry is', async () => {
    const made = await done(['accounts', 'create', 'ci-port'])
    expect(made).toContain('docker login --username ci-port --password-stdin box.example:5443\n')
  })

  test('a new account is told to docker, Kubernetes and GitLab', async () => {
    const text = await done([
      'accounts',
      'create',
      'ci-web',
      '--push',
      'team-web/**',
      '--registry',
      'box.lan:5443',
    ])
    const [, password = ''] = /shown this once: (\S+)/.exec(text) ?? []
    expect(text).toContain(
      `printf %s ${password} | docker login --username ci-web --password-stdin box.lan:5443`,
    )
    const auths = {
      auths: { 'box.lan:5443': { auth: Buffer.from(`ci-web:${password}`).toString('base64') } },
    }
    const [, manifest = ''] = /-f -\):\n([^]*?)\n\n/.exec(text) ?? []
    const [secret] = parseAllDocuments(manifest).map((document): unknown => document.toJS())
    expect(secret).toMatchObject({
      ...{ kind: 'Secret', type: 'kubernetes.io/dockerconfigjson', metadata: { name: 'entrepot-ci-web' } },
      data: { '.dockerconfigjson': Buffer.from(JSON.stringify(auths)).toString('base64') },
    })
    expect(JSON.parse(/DOCKER_AUTH_CONFIG=(.*)/.exec(text)?.[1] ?? '')).toEqual(auths)
    expect(await json(['accounts', 'show', 'ci-web'])).toMatchObject({
      rights: [{ repositories: ['team-web/**'], actions: ['pull', 'push'] }],
    })
  })

  test('an account is changed, gets a new password, and is removed', async () => {
    const made = await json(['accounts', 'create', 'scanner', '--pull', '**', '--no-counts-as-pull'])
    expect(made).toMatchObject({ countsAsPull: false, password: expect.any(String) })
    const rotated = await json(['accounts', 'rotate', 'scanner'])
    expect(rotated).not.toEqual(made)
    const set = ['accounts', 'set', 'scanner', '--pull', 'a/**', '--delete', 'a/**', '--until', '2099-01-31']
    expect(await json(set)).toMatchObject({
      rights: [
        { repositories: ['a/**'], actions: ['pull'] },
        { repositories: ['a/**'], actions: ['delete'] },
      ],
    })
    expect(await done(['accounts', 'ls'])).toMatch(/scanner +pull: a\/\*\*; delete: a\/\*\* +2099-01-31/)
    await done(['accounts', 'rm', 'scanner'])
  })

  test('nginx is set, the history tells so, and a rollback goes back', async () => {
    const before = await json(['config', 'history', '--limit', '1'])
    const { items: [first] = [] } = before as { items?: { id: number }[] }
    const shipped = (await json(['nginx', 'show'])) as object
    const set = ['nginx', 'set', '--max-upload-size', '32g', '--read-timeout', '15m', '--name', 'box.lan']
    const wanted = { maxUploadSize: '32g', readTimeout: 900, names: ['box.lan'] }
    expect(await json(set)).toEqual({ ...shipped, ...wanted })
    expect(await done(['config', 'history'])).toMatch(
      /^ID +AT +BY +CHANGE +OUTCOME\n\d+ .* settings\.nginx\.patch nginx +applied\n/,
    )
    const history = (await json(['config', 'history', '--limit', '1'])) as { items: { id: number }[] }
    expect(await done(['config', 'diff', String(history.items[0]?.id)])).toContain('+maxUploadSize: 32g')
    expect(await done(['config', 'rollback', String(first?.id)])).toContain('in force again')
    expect(await done(['nginx', 'show'])).not.toContain('32g')
  })

  test('admin tokens are made, listed and taken back', async () => {
    const text = await done(['tokens', 'create', 'grafana', '--rights', 'read'])
    const token = text.trim().split('\n').at(-1) ?? ''
    const limited = { ...at, ENTREPOT_ADMIN_TOKEN: token }
    expect((await entrepot(['status'], limited)).code).toBe(0)
    expect(await entrepot(['tokens', 'ls'], limited)).toMatchObject({
      code: 1,
      error: expect.stringContaining('it needs a token with the right "admin"'),
    })
    expect(await done(['tokens', 'ls'])).toMatch(/grafana +read/)
    await done(['tokens', 'rm', 'grafana'])
    expect((await entrepot(['status'], limited)).code).toBe(1)
  })

  test('the audit tells who did it', async () => {
    await done(['upstreams', 'set', 'quay.io', '--fresh-for', '7m'])
    const line = /environment +local +upstreams\.patch +quay\.io +[0-9a-f-]{36}/
    expect(await done(['audit', 'ls', '--target', 'quay.io'])).toMatch(line)
    expect(await json(['audit', 'ls', '--author', 'nobody'])).toEqual({ items: [] })
  })

  test('certificates and the files of clients are shown', async () => {
    expect(await json(['certificates', 'show'])).toMatchObject({
      authority: { fingerprint: stage.tls.fingerprint },
    })
    expect(await done(['certificates', 'ca'])).toBe(readFileSync(stage.tls.caFile, 'utf8'))
    expect(await done(['clients', 'show', 'docker'])).toContain('daemon.json')
    expect(await done(['clients', 'install', 'docker'])).toMatch(/^#!\/bin\/sh\n[^]*\nmain "\$@"\n$/)
  })

  test('a signing request is made, listed and removed', async () => {
    const made = (await json(['certificates', 'requests', 'create', '--name', 'box.lan'])) as { id: string }
    expect(made).toMatchObject({ pem: expect.stringContaining('CERTIFICATE REQUEST') })
    expect(await done(['certificates', 'requests', 'ls'])).toContain(made.id)
    const answer = await entrepot(['certificates', 'requests', 'answer', made.id, stage.tls.caFile], at)
    expect(answer).toMatchObject({ code: 1, error: expect.stringContaining('is not allowed') })
    await done(['certificates', 'requests', 'rm', made.id])
    await done(['certificates', 'reset'])
  })

  test('the way of a pull ends with 1 where it ends', async () => {
    await done(['upstreams', 'add', 'down.example', '--url', 'http://127.0.0.1:65533'])
    const { code, out, error } = await entrepot(['upstreams', 'check', 'down.example'], at)
    expect({ code, error }).toEqual({ code: 1, error: 'entrepot: a pull from down.example would fail\n' })
    expect(out).toContain('FAILS')
  })

  test('a long list says where it goes on', async () => {
    const text = await done(['upstreams', 'ls', '--limit', '1'])
    const [, after = ''] = /There are more: --after (\S+)/.exec(text) ?? []
    expect(await json(['upstreams', 'ls', '--limit', '1', '--after', after])).toMatchObject({
      items: [{ host: expect.not.stringMatching(`^${after}$`) }],
    })
  })
})

describe('what goes wrong', () => {
  test('is 1 when the box refuses, with a line for each field', async () => {
    const wrong = ['nginx', 'set', '--max-upload-size', 'huge', '--setting', 'colour=red']
    const { code, out, error } = await entrepot(wrong, at)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(error).toMatch(
      /^entrepot: A value is not allowed:\n  maxUploadSize: a size .*\n  colour: there is no such field\n/,
    )
    stage.box.answer = { outcome: 'refused', stage: 'nginx -t', reason: 'no\u001b[2Jway' }
    const refused = await entrepot(['nginx', 'set', '--max-upload-size', '1g'], at)
    stage.box.answer = { outcome: 'applied' }
    expect(refused).toMatchObject({
      code: 1,
      error: expect.stringContaining('nginx -t does not take it: no?[2Jway'),
    })
  })

  test.each([
    [[]],
    [['upstreams']],
    [['upstreams', 'paint']],
    [['upstreams', 'show']],
    [['upstreams', 'show', 'a', 'b']],
    [['status', '-o', 'xml']],
    [['status', '--loud']],
    [['tokens', 'create', 'x']],
    [['tokens', 'create', 'x', '--rights', 'root']],
    [['nginx', 'set']],
    [['nginx', 'set', '--read-timeout', 'long']],
    [['upstreams', 'add', 'x.example', '--setting', 'colour']],
    [['upstreams', 'add', 'x.example', '--ca-file', '/nowhere']],
    [['status', '--server', 'box']],
    [['status', '--ca', '/nowhere']],
  ])('is 2 when %j is typed', async (args) => {
    const { code, out, error } = await entrepot(args, at)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(error).not.toBe('')
    expect(error).not.toMatch(/^ +at /m)
  })

  test('is 3 when nobody is there', async () => {
    const { code, error } = await entrepot(['status', '--server', 'http://127.0.0.1:9'], at)
    expect({ code, error }).toEqual({ code: 3, error: expect.stringContaining('ECONNREFUSED') })
  })
})

describe('login', () => {
  const kept = () => path.join(home, '.config', 'entrepot', 'config.json')
  const login = (args: readonly string[], stdin = `${ADMIN_TOKEN}\n`): Promise<Ran> =>
    entrepot(['login', '--server', stage.tls.base, ...args], { HOME: home }, stdin)

  test('without it a certificate of the own authority is not trusted, and nothing is sent', async () => {
    const asked = stage.log.length
    const { code, error } = await entrepot(['status', '--server', stage.tls.base], at)
    expect({ code, error }).toEqual({ code: 3, error: expect.stringContaining('entrepot login') })
    expect(stage.log).toHaveLength(asked)
  })

  test('shows the fingerprint, and keeps nothing that nobody has compared', async () => {
    const unseen = await login([])
    expect(unseen).toMatchObject({ code: 2, error: expect.stringContaining(stage.tls.fingerprint) })
    const other = await login(['--fingerprint', stage.tls.fingerprint.replaceAll(/[0-9]/g, '7')])
    expect(other).toMatchObject({ code: 1, error: expect.stringContaining('another one') })
    expect(() => statSync(kept())).toThrow('ENOENT')
  })

  test('keeps nothing with a wrong token', async () => {
    const { code, error } = await login(['--fingerprint', stage.tls.fingerprint], 'wrong')
    expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining('not known here') })
    expect(() => statSync(kept())).toThrow('ENOENT')
  })

  test('keeps server, authority and token for its owner alone, and later commands need none of them', async () => {
    const { code, error, out } = await login(['--fingerprint', stage.tls.fingerprint.toLowerCase()])
    expect({ code, error, out }).toEqual({ code: 0, error: '', out: expect.stringContaining(kept()) })
    expect(statSync(kept()).mode & 0o777).toBe(0o600)
    const ran = await entrepot(['upstreams', 'ls', '-o', 'json'], { HOME: home })
    expect(ran.code).toBe(0)
    expect(JSON.parse(ran.out)).toHaveProperty('items')
  })

  test('its token is sent to that server alone', async () => {
    const { code, error } = await entrepot(['status', '--server', stage.base], { HOME: home })
    expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining('An admin token is needed') })
  })

  test('an authority in a file needs no question, and what is kept is mended when it is torn', async () => {
    writeFileSync(kept(), '{"server":')
    expect((await entrepot(['status'], { HOME: home })).error).toContain('run "entrepot login" again')
    expect((await login(['--ca', stage.tls.caFile])).code).toBe(0)
  })
})
