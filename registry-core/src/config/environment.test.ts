import { describe, expect, test } from '@jest/globals'
import { ConfigurationError } from './configuration-error.js'
import type { Environment } from './environment.js'
import { parseSettings } from './read-settings.js'
import type { Settings } from './settings.js'

const MINIMAL = `version: 0.1
log: {fields: {service: registry}}
storage: {filesystem: {rootdirectory: /data}}
http: {addr: ":5000", headers: {X-Content-Type-Options: [nosniff]}}
`

function withVariables(environment: Environment, text = MINIMAL): Settings {
  return parseSettings('config.yml', text, environment)
}

function findings(environment: Environment, text = MINIMAL): readonly string[] {
  try {
    withVariables(environment, text)
    return []
  } catch (error) {
    return error instanceof ConfigurationError ? error.findings : [String(error)]
  }
}

describe('a variable', () => {
  test('overrides a key of the file', () => {
    const settings = withVariables({
      REGISTRY_HTTP_ADDR: '127.0.0.1:5001',
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/elsewhere',
      REGISTRY_LOG_ACCESSLOG_DISABLED: 'yes',
      REGISTRY_LOGLEVEL: 'debug',
      HOME: '/root',
    })
    expect(settings).toMatchObject({
      listeners: [{ address: { host: '127.0.0.1', port: 5001 } }],
      store: { root: '/elsewhere' },
      log: { hasAccessLog: false, level: 'debug' },
      reading: { notices: [] },
    })
  })

  test('is matched in any case', () => {
    expect(withVariables({ REGISTRY_storage_Delete_ENABLED: 'true' }).deletesOn).toBe(true)
  })

  test('may say a whole section, and its parts besides', () => {
    expect(withVariables({ REGISTRY_STORAGE_DELETE: '{enabled: true}' }).deletesOn).toBe(true)
    const settings = withVariables({
      REGISTRY_STORAGE: 'filesystem',
      REGISTRY_STORAGE_DELETE_ENABLED: 'true',
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/elsewhere',
    })
    expect(settings).toMatchObject({ deletesOn: true, store: { root: '/elsewhere' } })
  })

  test('chooses the storage', () => {
    expect(withVariables({ REGISTRY_STORAGE: 'inmemory' }).store.root).toBeUndefined()
    expect(findings({ REGISTRY_STORAGE_INMEMORY: '' })).toEqual([
      'storage is {"filesystem":{"rootdirectory":"/data"},"inmemory":{}}; allowed is exactly one of filesystem and inmemory',
    ])
  })

  test('sets a header with hyphens in its name, in place of that of the file', () => {
    const { headers } = withVariables({
      'REGISTRY_HTTP_HEADERS_X-Frame-Options': '[DENY]',
      'REGISTRY_HTTP_HEADERS_X-CONTENT-TYPE-OPTIONS': "['a', 'b']",
      'REGISTRY_HTTP_HEADERS_Access-Control-Max-Age': '[1728000]',
    })
    expect(headers).toEqual([
      ['X-Content-Type-Options', 'a'],
      ['X-Content-Type-Options', 'b'],
      ['Access-Control-Max-Age', '1728000'],
      ['X-Frame-Options', 'DENY'],
    ])
  })

  test('sets a field of the log', () => {
    const { log } = withVariables({ REGISTRY_LOG_FIELDS_SERVICE: 'hub', REGISTRY_LOG_FIELDS_RUN_BY: 'me' })
    expect(log.fields).toEqual({ service: 'hub', run_by: 'me' })
  })

  test('of ours works the same way', () => {
    const settings = withVariables({
      REGISTRY_ACCESS_ANONYMOUS: 'pull',
      REGISTRY_LISTENERS: '[{addr: ":5001", anonymous: none}]',
    })
    expect(settings.access.anonymous).toEqual(['pull', 'none'])
  })

  test('without a value takes the key away', () => {
    expect(withVariables({ REGISTRY_HTTP_HEADERS: '' }).headers).toEqual([])
  })

  test('for what has no effect is said, by its name', () => {
    const { notices } = withVariables({ REGISTRY_REDIS_ADDR: 'redis:6379' }).reading
    expect(notices).toMatchObject([{ kind: 'accepted', key: 'redis' }])
    expect(findings({ REGISTRY_MIDDLEWARE: '{storage: []}' })).toEqual([
      'middleware (set by REGISTRY_MIDDLEWARE) is refused: there is nothing here that code of others could be put between',
    ])
  })

  test.each([
    [
      { REGISTRY_HTTP_ADDR: 'here' },
      /^http.addr \(set by REGISTRY_HTTP_ADDR\) is "here"; allowed is an address/,
    ],
    [
      { REGISTRY_STORAGE_DELETE: '{enabled: 7}' },
      /^storage.delete.enabled \(set by REGISTRY_STORAGE_DELETE\) is 7; /,
    ],
    [{ REGISTRY_HTTP_HEADERS: '[nosniff' }, /^REGISTRY_HTTP_HEADERS is not YAML: /],
    [{ REGISTRY_LOG_LEVEL: 'loud' }, /^log.level \(set by REGISTRY_LOG_LEVEL\) is "loud"; /],
  ])('with a wrong value stops the start and is named: %j', (environment, sentence) => {
    expect(findings(environment)).toEqual([expect.stringMatching(sentence)])
  })

  test.each([
    ['REGISTRY_PORT', 'tcp://10.0.0.1:5000', 'accepted'],
    ['REGISTRY_PORT_5000_TCP_ADDR', '10.0.0.1', 'accepted'],
    ['REGISTRY_SERVICE_HOST', '10.0.0.1', 'accepted'],
    ['REGISTRY_STORAGE_PORT', 'tcp://10.0.0.1:5000', 'accepted'],
    ['REGISTRY_PROXY_SERVICE_PORT', '5000', 'accepted'],
    ['REGISTRY_STORAGE_DELETE_ENABLE', 'true', 'unknown'],
    ['REGISTRY_LOG_LEVEL_LOUD', 'true', 'unknown'],
    ['REGISTRY_ACCESS_COLOUR', 'red', 'unknown'],
  ])('that names no key has no effect: %s', (variable, value, kind) => {
    const { reading, ...settings } = withVariables({ [variable]: value })
    expect(reading.notices).toMatchObject([{ kind, key: variable }])
    expect(withVariables({})).toMatchObject(settings)
  })

  test('that names the file is not of the file', () => {
    expect(withVariables({ REGISTRY_CONFIGURATION_PATH: '/c.yml' }).reading.notices).toEqual([])
  })
})
