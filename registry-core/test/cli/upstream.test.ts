import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { digestOfBytes } from '#core/oci/digest.js'
import { makeAuthority } from '../mirror/certificates.js'
import { openScriptedProxy } from '../mirror/scripted-proxy.js'
import {
  answer,
  challenge,
  forBearer,
  json,
  manifest,
  manifestBytes,
  openScriptedServer,
  type ScriptedServer,
} from '../mirror/scripted-server.js'
import { BINARY, makeConfig, run, runWith } from './process.js'

const BYTES = manifestBytes('alpine')
const MANIFEST = '/v2/team/app/manifests/latest'

let server: ScriptedServer
beforeEach(async () => {
  server = await openScriptedServer()
  server.play('/v2/', challenge(`${server.url.href}token`))
  server.play('/token', json({ token: 'fine' }))
  const limits = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '98;w=21600' }
  server.play(MANIFEST, forBearer('Bearer fine', manifest(BYTES, limits), answer(401)))
})
afterEach(() => server.close())

/** `upstream check far.lan`, with what the configuration says of it besides its URL. */
async function check(upstream: object, ...further: readonly string[]) {
  const allowed = { allowAddresses: ['127.0.0.0/8'], urls: [server.url.origin] }
  const config = makeConfig({ mirrors: { upstreams: [{ host: 'far.lan', ...allowed, ...upstream }] } })
  const ended = await run('upstream', 'check', 'far.lan', config.file, '--image', 'team/app', ...further)
  config.remove()
  return ended
}

describe('upstream check', () => {
  test('goes every step of a pull', async () => {
    const { code, stdout } = await check({ username: 'me', password: 'hush' })
    expect([code, stdout.split('\n')]).toEqual([
      0,
      [
        `far.lan at ${server.url.origin}`,
        '  DNS       fine: ' + `${server.host} is an address already`,
        '  TCP       fine: ' + `${server.host} takes connections at 127.0.0.1`,
        '  /v2/      fine: it is a registry that wants a login: bearer',
        '  token     fine: one to pull team/app, as the account',
        `  manifest  fine: team/app:latest is ${digestOfBytes('sha256', BYTES)}; 98 of 100 pulls are left`,
        '',
      ],
    ])
  })
  test('ends at the step that fails, with what helps, and with 1', async () => {
    server.play('/token', answer(401))
    const { code, stdout } = await check({ username: 'me', password: 'hush' }, '--json')
    expect(code).toBe(1)
    expect(stdout).not.toContain('hush')
    const { urls } = JSON.parse(stdout) as {
      urls: readonly [{ steps: readonly { step: string; isFine: boolean; sentence: string }[] }]
    }
    expect(urls[0].steps.map(({ step, isFine }) => [step, isFine])).toEqual([
      ...[
        ['DNS', true],
        ['TCP', true],
        ['/v2/', true],
      ],
      ['token', false],
    ])
    expect(urls[0].steps.at(-1)?.sentence).toContain('look at username and password')
  })
  test('says which address needs a word', async () => {
    const { code, stdout } = await check({ allowAddresses: [] })
    expect(code).toBe(1)
    expect(stdout).toContain('DNS       FAILS: 127.0.0.1 has the loopback address 127.0.0.1')
    expect(stdout).toContain("set allowAddresses: ['127.0.0.0/8'] for the upstream far.lan")
  })
  test('says that nothing serves there', async () => {
    await server.close()
    const { code, stdout } = await check({})
    expect([code, stdout]).toEqual([1, expect.stringContaining('TCP       FAILS: ')])
    expect(stdout).toContain('refuses the connection')
    server = await openScriptedServer()
  })
  test('says that the other end does not speak TLS', async () => {
    const { code, stdout } = await check({ urls: [`https://${server.host}`] })
    expect([code, stdout]).toEqual([1, expect.stringContaining('TLS       FAILS: ')])
    expect(stdout).toContain('does not speak TLS')
  })
  test('row 77: trusts no unknown certificate, whatever the environment says', async () => {
    const authority = makeAuthority()
    const secure = await openScriptedServer({ tls: authority.sign(['far.lan']) })
    const proxy = await openScriptedProxy(secure.url)
    // Through the proxy it is the client of a pull that verifies, not a step of its own.
    const upstream = { host: 'far.lan', proxy: proxy.url.href }
    const config = makeConfig({ mirrors: { upstreams: [upstream] } })
    const careless = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    const { code, stdout } = await runWith(careless, BINARY, 'upstream', 'check', 'far.lan', config.file)
    expect([code, stdout]).toEqual([1, expect.stringContaining('/v2/      FAILS: ')])
    expect(stdout).toContain('an authority that is not known here: set ca:')
    config.remove()
    authority.remove()
    await Promise.all([proxy.close(), secure.close()])
  })
  test('says that the file has no such upstream', async () => {
    const config = makeConfig()
    const { code, stdout } = await run('upstream', 'check', 'far.lan', config.file)
    config.remove()
    expect([code, stdout]).toEqual([1, `${config.file} has no upstream far.lan\n`])
  })
  test.each([[['a/b']], [['me@quay.io']], [['127.0.0.1:9', '--image', 'A']], [[]]])(
    'typed wrong (%j) ends with 2',
    async (args) => {
      const { code, stderr } = await run('upstream', 'check', ...args)
      expect([code, stderr.length > 0]).toEqual([2, true])
    },
  )
})
