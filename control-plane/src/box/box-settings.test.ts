import { describe, expect, test } from '@jest/globals'
import { BOX_VARIABLES, readBoxSettings } from './box-settings.js'

const MACHINE = { root: '/srv/entrepot', hasIPv6: true }

describe('without a variable', () => {
  test('the box is for this machine only, with its five ports, its state beside the program', () => {
    expect(readBoxSettings({ PATH: '/bin' }, MACHINE)).toEqual({
      data: '/srv/entrepot/data',
      ports: { registry: 5000, mirror: 5001, tls: 5443, mirrorTls: 5444, admin: 5445 },
      acmePort: 80,
      bind: ['127.0.0.1', '::1'],
      httpBind: ['127.0.0.1', '::1'],
      names: [],
      adminToken: undefined,
      secretKeyFile: undefined,
      databaseUrl: undefined,
      unknown: [],
    })
  })

  test('a machine without IPv6 is not asked for it', () => {
    const { bind, httpBind } = readBoxSettings({}, { ...MACHINE, hasIPv6: false })
    expect([bind, httpBind]).toEqual([['127.0.0.1'], ['127.0.0.1']])
  })
})

describe('what is set', () => {
  test('is taken: folders from where npm start was typed, lists with commas or spaces, names in lower case', () => {
    const settings = readBoxSettings(
      {
        INIT_CWD: '/home/me',
        ENTREPOT_DATA: 'box',
        ENTREPOT_SECRET_KEY_FILE: 'keys/box.key',
        ENTREPOT_ADMIN_PORT: '6445',
        ENTREPOT_BIND: '0.0.0.0,[::]',
        ENTREPOT_HTTP_BIND: '10.0.0.5',
        ENTREPOT_NAMES: 'Registry.Example.com 10.0.0.5, fd00::5',
        ENTREPOT_ADMIN_TOKEN: 'correct-horse-battery',
        DATABASE_URL: 'postgres://me:secret@/entrepot?host=/run/postgresql',
      },
      MACHINE,
    )
    expect(settings).toMatchObject({
      data: '/home/me/box',
      secretKeyFile: '/home/me/keys/box.key',
      ports: { registry: 5000, admin: 6445 },
      bind: ['0.0.0.0', '::'],
      httpBind: ['10.0.0.5'],
      names: ['registry.example.com', '10.0.0.5', 'fd00::5'],
      adminToken: 'correct-horse-battery',
      databaseUrl: 'postgres://me:secret@/entrepot?host=/run/postgresql',
    })
  })

  test('counts as not set when it is empty', () => {
    const empty = Object.fromEntries(BOX_VARIABLES.map((name) => [name, '']))
    expect(readBoxSettings(empty, MACHINE)).toEqual(readBoxSettings({}, MACHINE))
  })

  test('is named when it means nothing', () => {
    const { unknown } = readBoxSettings({ ENTREPOT_REGISTRY_PROT: '1', REGISTRY_PORT: '2' }, MACHINE)
    expect(unknown).toEqual(['ENTREPOT_REGISTRY_PROT'])
  })
})

describe('what is wrong', () => {
  test.each([
    ['ENTREPOT_REGISTRY_PORT', '5000x', 'it must be a number from 1 to 65535'],
    ['ENTREPOT_MIRROR_PORT', '0', 'it must be a number from 1 to 65535'],
    ['ENTREPOT_TLS_PORT', '65536', 'it must be a number from 1 to 65535'],
    ['ENTREPOT_MIRROR_TLS_PORT', '1e3', 'it must be a number from 1 to 65535'],
    ['ENTREPOT_ADMIN_PORT', 'on', 'it must be a number from 1 to 65535'],
    ['ENTREPOT_BIND', 'localhost', 'it must be an address of this machine'],
    ['ENTREPOT_BIND', 'fe80::1%eth0', 'it must be an address of this machine'],
    ['ENTREPOT_HTTP_BIND', '127.0.0.1,all', 'it must be an address of this machine'],
    ['ENTREPOT_HTTP_BIND', ',', 'it must be an address of this machine'],
    ['ENTREPOT_NAMES', 'https://registry.example.com', 'it must be names of hosts or addresses'],
    ['ENTREPOT_NAMES', 'registry_1', 'it must be names of hosts or addresses'],
  ])('%s=%s is said with its value', (name, value, allowed) => {
    expect(() => readBoxSettings({ [name]: value }, MACHINE)).toThrow(`${name} is "${value}": ${allowed}`)
  })

  test.each([
    ['ENTREPOT_ADMIN_TOKEN', 'too-short', '16 characters or more'],
    ['ENTREPOT_ADMIN_TOKEN', 'a token with spaces', 'without spaces'],
    ['DATABASE_URL', 'mysql://me:secret@db/entrepot', 'postgres://'],
    ['DATABASE_URL', 'secret', 'postgres://'],
  ])('%s=%s is said without its value', (name, value, allowed) => {
    const read = (): unknown => readBoxSettings({ [name]: value }, MACHINE)
    expect(read).toThrow(allowed)
    expect(read).not.toThrow(value)
  })

  test('all of it is said in one sentence', () => {
    expect(() =>
      readBoxSettings({ ENTREPOT_TLS_PORT: 'a', ENTREPOT_BIND: 'b', ENTREPOT_NAMES: 'c_d' }, MACHINE),
    ).toThrow(/^ENTREPOT_TLS_PORT is "a".*; ENTREPOT_BIND is "b".*; ENTREPOT_NAMES is "c_d"[^\n]*$/)
  })

  test('two things on one port are', () => {
    expect(() => readBoxSettings({ ENTREPOT_ADMIN_PORT: '5443' }, MACHINE)).toThrow(
      'ENTREPOT_TLS_PORT and ENTREPOT_ADMIN_PORT are both 5443: each needs its own',
    )
  })
})
