import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Client, request } from 'undici'
import type { Checked } from '../../src/cli/check.js'
import { makeConfig, run, type Serving, serve } from './process.js'

const made = makeConfig()
const at = (name: string): string => path.join(made.folder, name)
const SOCKET = at('control.sock')
const STORE = { filesystem: { rootdirectory: at('store') } }
const FILE = {
  version: 0.1,
  storage: { ...STORE, delete: { enabled: true } },
  http: { addr: '127.0.0.1:0', debug: { addr: '127.0.0.1:0' } },
  internal: { socket: SOCKET },
}

let serving: Serving
let client: Client

beforeAll(async () => {
  writeFileSync(made.file, JSON.stringify(FILE))
  execFileSync('mkfifo', [at('pipe')])
  serving = await serve(made.file, ['env', 'REGISTRY_STORAGE_DELETE_ENABLED=false'])
  client = new Client('http://core', { socketPath: SOCKET })
})
afterAll(async () => {
  await client.close()
  await serving.stop()
  made.remove()
})

async function ask(file: string): Promise<{ readonly status: number; readonly value: unknown }> {
  return askFor(`/check?file=${encodeURIComponent(file)}`)
}

async function askFor(target: string): Promise<{ readonly status: number; readonly value: unknown }> {
  const { statusCode, body } = await client.request({ method: 'GET', path: target })
  return { status: statusCode, value: await body.json() }
}

function write(name: string, content: object | string): string {
  writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content))
  return at(name)
}

const upstreams = (...list: readonly object[]): object => ({ ...FILE, mirrors: { upstreams: list } })

describe('a registry that serves, asked for a configuration file,', () => {
  test.each([
    ['sound', FILE, true],
    ['wrong', { ...FILE, log: { level: 'loud' }, dance: 1 }, false],
    ['no-yaml', 'version: [0.1', false],
    ['no-authority', upstreams({ host: 'a.test', ca: at('gone.pem') }), false],
    ['endless', upstreams({ host: 'a.test', ca: at('pipe') }), false],
    ['no-password', upstreams({ host: 'ghrc.io', username: 'u', passwordFile: at('gone') }), false],
    [
      'no-certificate',
      { ...FILE, http: { ...FILE.http, tls: { certificate: at('c'), key: at('k') } } },
      false,
    ],
    ['misplaced', { ...FILE, delete: { enabled: true } }, false],
    ['accepted', { ...FILE, storage: { ...STORE, redirect: { disable: true } } }, true],
  ])('says what the program says: %s', async (name, content, isSound) => {
    const file = write(`${name}.yml`, content)
    const { code, stdout } = await run('check', file)
    const said: Checked = { isSound, said: stdout }
    expect(await ask(file)).toEqual({ status: 200, value: said })
    expect([code, stdout.length > 10]).toEqual([isSound ? 0 : 1, true])
  })

  test('says that there is none', async () => {
    const said = `${at('nowhere.yml')}: there is no such file\n`
    expect(await ask(at('nowhere.yml'))).toEqual({ status: 200, value: { isSound: false, said } })
  })

  test('leaves to the program what would hold it up', async () => {
    const large = write('large.yml', `${JSON.stringify(FILE)}\n${'#'.repeat(256 * 1024)}`)
    for (const file of [at('pipe'), made.folder, '/dev/zero', large, 'config.yml', ''])
      expect([file, await ask(file)]).toEqual([file, { status: 422, value: {} }])
    expect(await askFor('/check')).toEqual({ status: 422, value: {} })
  })

  test('goes on as it was', async () => {
    const before = [await askFor('/status'), serving.log()]
    await ask(write('other.yml', { ...FILE, http: { addr: '127.0.0.1:1' }, log: { level: 'debug' } }))
    expect([await askFor('/status'), serving.log()]).toEqual(before)
    const { statusCode, body } = await request(`http://127.0.0.1:${serving.port}/v2/`)
    await body.dump()
    expect(statusCode).toBe(200)
  })

  test('answers on its internal socket alone', async () => {
    const debug = /health and metrics on (127\.0\.0\.1:\d+)/.exec(serving.log())?.[1]
    for (const place of [debug, `127.0.0.1:${serving.port}`]) {
      const { statusCode, body } = await request(`http://${place}/check?file=${made.file}`)
      expect([statusCode, await body.text()]).toEqual([404, expect.not.stringContaining('isSound')])
    }
    const posted = await client.request({ method: 'POST', path: `/check?file=${made.file}` })
    await posted.body.dump()
    expect(posted.statusCode).toBe(405)
  })
})
