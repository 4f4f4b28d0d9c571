import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import tls from 'node:tls'

import { expect, test } from '@jest/globals'
import { parse } from 'yaml'

import { findTraps } from '#front/traps.js'

import type { RunningBox } from '../../box/running-box.js'
import { lines, sendRaw } from '../../support/raw-http.js'
import { askAdmin, stateOf } from './ask-admin.js'

/** What ends or bends a directive, a line, a text or a template. */
const BENDING = [
  ';',
  '{',
  '}',
  '"',
  "'",
  '\\',
  '$',
  '#',
  '\n',
  '\r',
  '\u0000',
  '\u2028',
  '`',
  ' ',
  '{{x}}',
  '${x}',
  '$host',
  '/*',
  '%0a',
  '<%',
]
const MIB = 1024 * 1024

/** What stands in a body: rows 62, 68 to 72 and 75. */
export function testBodies(box: () => RunningBox): void {
  const send = (method: string, path: string, body: object | string) =>
    askAdmin(box(), { method, target: `/api/v1/${path}`, body })

  async function expectRefused(
    calls: readonly (readonly [method: string, path: string, body: object | string])[],
  ) {
    const before = await stateOf(box())
    for (const [method, path, body] of calls) {
      const { status } = await send(method, path, body)
      expect([method, path, body, status]).toEqual([method, path, body, 400])
    }
    expect(await stateOf(box())).toBe(before)
  }

  test('a field that nobody has asked for is refused, wherever it stands', async () => {
    const extra: readonly object[] = [
      ...[
        { role: 'admin' },
        { isAdmin: true },
        { id: 1 },
        { secretHash: `$2b$10$${'a'.repeat(53)}` },
        { version: 7 },
      ],
      ...[
        { createdAt: '2020-01-01T00:00:00Z' },
        { password: 'chosen' },
        { hash: 'x' },
        { rights: 'admin', x: 1 },
      ],
    ]
    const row = { repositories: ['**'], actions: ['pull'] }
    await expectRefused([
      ...extra.map((more) => ['POST', 'accounts', { name: 'extra', ...more }] as const),
      ...[
        { isAdmin: true },
        { actions: ['pull', 'admin'] },
        { actions: 'pull' },
        { repositories: { $ne: '' } },
      ].map((more) => ['POST', 'accounts', { name: 'extra', rights: [{ ...row, ...more }] }] as const),
      ...[
        { id: 'x' },
        { hash: 'x' },
        { token: 'chosen' },
        { isAdmin: true },
        { rights: ['admin'] },
        { rights: 'root' },
      ].map((more) => ['POST', 'admin-tokens', { name: 'extra', rights: 'read', ...more }] as const),
      ...[{ sealedPassword: 'x' }, { hasPassword: true }, { position: 0 }, { version: 1 }, { id: 1 }].map(
        (more) => ['PUT', 'upstreams/extra.example', more] as const,
      ),
      ...[{ workers: 9 }, { include: '/etc/passwd' }, { user: 'root' }].map(
        (more) => ['PATCH', 'settings/nginx', more] as const,
      ),
      ['POST', 'accounts', [{ name: 'extra' }]],
    ])
  })

  test("a key that means something else to JavaScript is nobody's field, and refused at any depth", async () => {
    const prototype = '"__proto__":{"rights":"admin"}'
    const keys = [prototype, '"constructor":{"prototype":{"rights":"admin"}}', `"rights":[{${prototype}}]`]
    await expectRefused(
      keys.flatMap((key) => [
        ['POST', 'admin-tokens', `{"name":"proto","rights":"read",${key}}`] as const,
        ['POST', 'accounts', `{"name":"proto",${key}}`] as const,
        ['PATCH', 'settings/nginx', `{${key}}`] as const,
      ]),
    )
  })

  test('what would bend a file of nginx or of the core is refused before anything is rendered', async () => {
    await expectRefused([
      ...BENDING.flatMap((mark) => [
        ['PATCH', 'settings/nginx', { maxUploadSize: `1${mark}m` }] as const,
        ['PATCH', 'settings/nginx', { readTimeout: `900${mark}` }] as const,
        ['PATCH', 'settings/nginx', { names: [`a${mark}b.example`] }] as const,
        ['POST', 'accounts', { name: `a${mark}:b` }] as const,
        ['POST', 'admin-tokens', { name: `a${mark}`, rights: 'read' }] as const,
        ['PUT', 'upstreams/bent.example', { aliases: [`a${mark}.example`] }] as const,
        ['PUT', 'upstreams/bent.example', { realms: [`a${mark}.example`] }] as const,
        ['PUT', 'upstreams/bent.example', { dns: [`9.9.9.9${mark}`] }] as const,
        ['PUT', 'upstreams/bent.example', { freshFor: `5m${mark}` }] as const,
        ['PUT', `upstreams/${encodeURIComponent(`bent${mark}.example`)}`, {}] as const,
      ]),
    ])
  })

  test('a template that is sent as a value is refused, or stays the text that it is', async () => {
    const program = { type: 'Program', body: [{ type: 'MustacheStatement', path: 'constructor' }] }
    await expectRefused([
      ['PATCH', 'settings/nginx', { maxUploadSize: program }],
      ['PATCH', 'settings/nginx', { names: [program] }],
      ['POST', 'accounts', { name: program }],
      ['PUT', 'upstreams/template.example', { username: program, password: 'x' }],
    ])
    await send('PUT', 'upstreams/template.example', {
      username: '{{lookup . "constructor"}}',
      password: '{{x}}',
    })
    expect(renderedUpstream('template.example')).toMatchObject({ username: '{{lookup . "constructor"}}' })
    await send('DELETE', 'upstreams/template.example', '')
  })

  test('what YAML takes for something else reaches the core as the text that it is', async () => {
    const odd = [
      'yes',
      'null',
      '1e3',
      '0x1F',
      '~',
      '!!js/function x',
      '*a',
      '&a b',
      '- x',
      '# c',
      '{a}',
      '[b]',
      "it's",
      '"q"',
      '<<',
      '%TAG',
      '@x',
      '\\n',
    ]
    for (const username of odd.filter((text) => !text.includes(':'))) {
      const answer = await send('PUT', 'upstreams/odd.example', { username, password: `p ${username}` })
      expect([username, answer.status]).toEqual([username, 200])
      expect(renderedUpstream('odd.example')).toMatchObject({ username })
    }
    await send('DELETE', 'upstreams/odd.example', '')
    await expectRefused([
      ['POST', 'accounts', 'name: x\n'],
      ['POST', 'accounts', 'a: &a [x]\nb: [*a, *a]\n'],
    ])
  }, 300_000)

  test('an address that is no registry is refused as an upstream', async () => {
    const urls = [
      ...[
        'file:///etc/passwd',
        'unix:/run/x.sock',
        'http://u:p@a.example',
        'http://a.example:22',
        'http://a.example:5432',
      ],
      ...[
        'gopher://a.example',
        'ftp://a.example',
        'https://a.example/path',
        'https://a.example?x',
        'https://a.example#x',
      ],
      ...[
        'javascript:alert(1)',
        '//a.example',
        'a.example',
        'http://',
        'http://a.example:6379',
        'http://[::1',
        'data:,x',
      ],
    ]
    await expectRefused([
      ...urls.map((url) => ['PUT', 'upstreams/scheme.example', { urls: [url] }] as const),
      ...['file:///x', 'socks5://p:1080', 'unix:/x', 'http://p:22'].map(
        (proxy) => ['PUT', 'upstreams/scheme.example', { proxy }] as const,
      ),
      ['PUT', 'upstreams/scheme.example', { passwordFile: '/etc/shadow', username: 'x' }],
      ['PUT', 'upstreams/scheme.example', { proxyPasswordFile: '/etc/shadow', proxy: 'http://u@p:3128' }],
      ['PUT', 'upstreams/scheme.example', { ca: '/etc/passwd' }],
      ['PUT', 'upstreams/..%2F..%2Fetc', {}],
    ])
  })

  test('a hundred megabytes of JSON are refused, announced or not, and nobody holds them', async () => {
    const announced = await askAdmin(box(), {
      method: 'POST',
      target: '/api/v1/accounts',
      headers: { 'content-length': 100 * MIB, expect: '100-continue' },
    })
    expect(announced.status).toBe(413)
    for (const size of [2 * MIB, 7 * MIB]) {
      const { status } = await send('POST', 'accounts', { name: 'x'.repeat(size) })
      expect([size, status]).toEqual([size, 413])
    }
    const deep = await send('POST', 'accounts', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)
    expect(deep.status).toBe(400)
    expect((await askAdmin(box(), { target: '/api/v1/health' })).status).toBe(200)
  })

  test('a backup that somebody without a token sends is refused before it lies on the disk', async () => {
    const ca = readFileSync(box().caFile)
    const socket = tls.connect({ host: '127.0.0.1', port: box().ports.admin, ca })
    await once(socket, 'secureConnect')
    const type = 'Content-Type: application/octet-stream'
    const head = lines('POST /api/v1/restore HTTP/1.1', 'Host: a', type, `Content-Length: ${4000 * MIB}`)
    const sent = Buffer.concat([Buffer.from(head), Buffer.alloc(4 * MIB)])
    const { answers } = await sendRaw(socket, sent, { answers: 1, waitMs: 20_000 })
    expect(answers.map(({ status }) => status)).toEqual([401])
  })

  test('what would write a line of a log of its own is written as a part of one', async () => {
    const evil = '\u001b[2Jforged'
    await askAdmin(box(), {
      target: `/api/v1/accounts/${encodeURIComponent(`x\r\n{"level":30,"msg":"${evil}"}`)}`,
      headers: { 'user-agent': 'a"b\\c' },
    })
    await send('POST', 'accounts', { name: `x\n${evil}` })
    await askAdmin(box(), {
      target: '/v2/',
      port: box().ports.tls,
      headers: { 'user-agent': 'x"}\t{"forged":1' },
      token: null,
    })
    const access = readFileSync(path.join(box().data, 'nginx/logs/access.log'), 'utf8').trimEnd().split('\n')
    for (const line of access) expect(() => JSON.parse(line) as unknown).not.toThrow()
    expect(box().log()).not.toContain('\u001b[2J')
    expect(
      `${access.join('\n')}\n${box().log()}`
        .split('\n')
        .filter((line) => /^.{0,3}"?(?:level":30,"msg":"\\u001b|forged)/.test(line)),
    ).toEqual([])
  })

  test('the rendered nginx of the box has none of the known traps', () => {
    expect(findTraps(readFileSync(path.join(box().data, 'config/current/nginx.conf'), 'utf8'))).toEqual([])
  })

  function renderedUpstream(host: string): unknown {
    const text = readFileSync(path.join(box().data, 'config/current/registry.yml'), 'utf8')
    const { mirrors } = parse(text) as {
      readonly mirrors: { readonly upstreams: readonly { readonly host: string }[] }
    }
    return mirrors.upstreams.find((each) => each.host === host)
  }
}
