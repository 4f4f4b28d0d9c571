import { writeFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from '@jest/globals'
import { makeConfig, run, serve } from './process.js'

const config = makeConfig()
afterAll(() => config.remove())

describe('the program', () => {
  test('says what can be typed, and its version', async () => {
    const help = await run('--help')
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('serve')])
    expect((await run('check', '--help')).stdout).toContain('--json')
    const version = await run('--version')
    expect([version.code, version.stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)])
  })

  test.each([[[]], [['dance']], [['check']], [['serve', '--fast', 'x']]])(
    'typed wrong (%j) ends with 2',
    async (args) => {
      const { code, stderr } = await run(...args)
      expect([code, stderr.length > 0]).toEqual([2, true])
    },
  )
})

describe('check', () => {
  test('says what serve would do, and changes nothing', async () => {
    const { code, stdout } = await run('check', config.file)
    expect(code).toBe(0)
    expect(stdout).toContain('listens on 127.0.0.1:0 with the view registry; without a login: push')
    const json = await run('check', '--json', config.file)
    expect(JSON.parse(json.stdout)).toMatchObject({ file: config.file, findings: [] })
  })

  test('names the mirrors, what they lack, and no password', async () => {
    const upstreams = [
      { host: 'docker.io', username: 'me', password: 'hush', proxy: 'http://u:hush@proxy:3128' },
      { host: 'quay.io', username: 'me', passwordFile: '/nowhere', urls: ['https://a.quay.io', 'http://b'] },
      { host: 'ghrc.io' },
      { host: 'qua.io', confirmed: true },
    ]
    const mirrored = makeConfig({ mirrors: { upstreams } })
    const { code, stdout } = await run('check', mirrored.file)
    const json = await run('check', '--json', mirrored.file)
    mirrored.remove()
    expect(code).toBe(1)
    expect(stdout).not.toContain('hush')
    expect(stdout).toContain(
      `${mirrored.file}: the passwordFile of quay.io is /nowhere: there is no such file\n`,
    )
    expect(stdout).toContain('the upstream ghrc.io is one letter off ghcr.io')
    expect(stdout).not.toContain('quay.io: correct')
    expect((JSON.parse(json.stdout) as { plan: unknown }).plan).toEqual(
      expect.arrayContaining([
        'mirrors docker.io, index.docker.io, registry-1.docker.io from https://registry-1.docker.io; as me; through the proxy http://proxy:3128; bare names mean it',
        'mirrors quay.io from https://a.quay.io, then http://b; as me',
        'the password of quay.io may be read on the way to http://b: that is not https',
      ]),
    )
  })

  test('names every wrong setting and ends with 1', async () => {
    const wrong = makeConfig({ log: { level: 'loud' }, proxy: { remoteurl: 'unix:/x' } })
    const { code, stdout } = await run('check', wrong.file)
    wrong.remove()
    expect(code).toBe(1)
    expect(stdout).toContain(`${wrong.file}: log.level is "loud"; allowed is one of error, warn, info, debug`)
    expect(stdout).toContain(`${wrong.file}: proxy.remoteurl is "unix:/x"; allowed is an address`)
  })

  test('names a file that is not there', async () => {
    const { code, stdout } = await run('check', '/nowhere/config.yml')
    expect([code, stdout]).toEqual([1, '/nowhere/config.yml: there is no such file\n'])
  })
})

describe('serve', () => {
  test('does not start with a wrong setting, and names it', async () => {
    const wrong = makeConfig({ http: { addr: 'here' } })
    const { code, stderr } = await run('serve', wrong.file)
    wrong.remove()
    expect([code, stderr]).toEqual([2, expect.stringContaining('http.addr is "here"; allowed is an address')])
  })

  test('names a port that another process has', async () => {
    const first = await serve(config.file)
    const second = makeConfig({ http: { addr: `127.0.0.1:${first.port}` } })
    const { code, stderr } = await run('serve', second.file)
    second.remove()
    await first.stop()
    expect([code, stderr]).toEqual([3, expect.stringContaining('another process listens there already')])
  })

  test('names a folder that cannot be used', async () => {
    const bad = makeConfig({ storage: { filesystem: { rootdirectory: '/dev/null/store' } } })
    const { code, stderr } = await run('serve', bad.file)
    bad.remove()
    expect([code, stderr]).toEqual([3, expect.stringContaining('the folder /dev/null/store cannot be used')])
  })

  test('says that a folder is a store from now on, once', async () => {
    const own = makeConfig()
    const first = await serve(own.file)
    expect(first.log()).toContain('this folder is a store from now on')
    expect(await first.stop()).toBe(0)
    const second = await serve(own.file)
    await second.stop()
    own.remove()
    expect(second.log()).toContain('the store is open')
    expect(second.log()).toContain('msg=stopped')
  })

  test('writes JSON when asked to on the command line', async () => {
    const own = makeConfig({ http: { addr: 'nonsense' } })
    writeFileSync(own.file, '{')
    const { code, stderr } = await run('serve', '--json', own.file)
    own.remove()
    expect([code, Object.keys(JSON.parse(stderr))]).toEqual([2, ['error']])
  })
})
