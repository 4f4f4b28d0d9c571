import { describe, expect, test } from '@jest/globals'
import { parseSettings } from './read-settings.js'

const MINIMAL = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n'

function noticesOf(text: string) {
  return parseSettings('config.yml', text).reading.notices
}

describe('a key in the wrong place', () => {
  test.each([
    ['delete: {enabled: true}', 'delete', 'storage: {delete: {enabled: true}}'],
    ['headers: {X-A: [b]}', 'headers', 'http: {headers: {X-A: [b]}}'],
    ['addr: ":5001"', 'addr', 'http: {addr: :5001}'],
    ['secret: hush', 'secret', 'http: {secret: …}'],
    ['Http: {secret: hush}', 'Http', 'http: …'],
    [
      'endpoints: [{url: "http://x", headers: {X-Token: [hush]}}]',
      'endpoints',
      'notifications: {endpoints: …}',
    ],
    [
      'endpoints: [{url: "http://me:hush@x"}]',
      'endpoints',
      'notifications: {endpoints: [{url: http://…@x}]}',
    ],
    ['tls: {certificate: /c.pem}', 'tls', 'http: {tls: {certificate: /c.pem}}'],
    ['filesystem: {rootdirectory: /other}', 'filesystem', 'storage: {filesystem: {rootdirectory: /other}}'],
    ['rootdirectory: /other', 'rootdirectory', 'storage: {filesystem: {rootdirectory: /other}}'],
    [
      'maintenance: {readonly: {enabled: true}}',
      'maintenance',
      'storage: {maintenance: {readonly: {enabled: true}}}',
    ],
    ['readonly: {enabled: true}', 'readonly', 'storage: {maintenance: {readonly: {enabled: true}}}'],
    ['cache: {blobdescriptor: inmemory}', 'cache', 'storage: {cache: {blobdescriptor: inmemory}}'],
    ['formatter: json', 'formatter', 'log: {formatter: json}'],
    ['Log: {level: debug}', 'Log', 'log: {level: debug}'],
    ['catalog: {addr: ":5001"}', 'catalog.addr', 'http: {addr: :5001}'],
  ])('is named with the line to paste and not obeyed: %s', (line, key, paste) => {
    expect(noticesOf(MINIMAL + line)).toEqual([
      {
        kind: 'misplaced',
        key,
        sentence: `${key} stands in the wrong place and has no effect; write ${paste}`,
      },
    ])
    const { reading: _, ...settings } = parseSettings('config.yml', MINIMAL + line)
    expect(parseSettings('config.yml', MINIMAL)).toMatchObject(settings)
  })

  test('inside a section belongs to the nearest place of that name', () => {
    const notices = noticesOf(
      'version: 0.1\nstorage: {filesystem: {}, enabled: true, rootdirectory: /data}\nhttp: {addr: ":5000"}',
    )
    expect(notices.map(({ sentence }) => sentence)).toEqual([
      'storage.enabled stands in the wrong place and has no effect; write storage: {delete: {enabled: true}}',
      'storage.rootdirectory stands in the wrong place and has no effect; write storage: {filesystem: {rootdirectory: /data}}',
    ])
  })

  test('that might belong to many is named with all of them', () => {
    const [notice] = noticesOf(`${MINIMAL}enabled: true`)
    expect(notice?.sentence).toContain(
      'it may be health.storagedriver.enabled, or http.debug.prometheus.enabled, or ',
    )
  })
})

describe('a key that nobody knows', () => {
  test.each([
    ['colour: red', 'colour'],
    ['catalog: {colour: red}', 'catalog.colour'],
    ['log: {fields: {a: b}, colour: red}', 'log.colour'],
    ['storage: {filesystem: {rootdirectory: /data}, colour: red}', 'storage.colour'],
    ['health: {file: [{file: /down, colour: red}]}', 'health.file[0].colour'],
  ])('is warned of, and the start goes on: %s', (line, key) => {
    const rest = line.startsWith('storage') ? MINIMAL.replace(/^storage.*\n/m, '') : MINIMAL
    expect(noticesOf(rest + line)).toEqual([
      { kind: 'unknown', key, sentence: `${key} is no key of registry:2 and has no effect` },
    ])
  })
})

test('a section without a value is missing, as in registry:2', () => {
  const text = `${MINIMAL}log:\n  fields:\nproxy:\nredis:\nlisteners:\naccess:\n`
  expect(noticesOf(text)).toEqual([])
})
