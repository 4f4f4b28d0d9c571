import { describe, expect, test } from '@jest/globals'
import { ConfigurationError } from './configuration-error.js'
import { parseSettings } from './read-settings.js'
import { describeSettings } from './schema.js'

const HASH = `$2b$11$${'a'.repeat(53)}`
const MINIMAL = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n'

function refusal(text: string): string {
  try {
    parseSettings('config.yml', text)
    return 'accepted'
  } catch (error) {
    return error instanceof ConfigurationError ? error.message : String(error)
  }
}

/** A glob is its text here; what is undefined stays. */
function withoutFunctions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutFunctions)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, part]) => typeof part !== 'function')
  return Object.fromEntries(entries.map(([key, part]) => [key, withoutFunctions(part)]))
}

describe('the configuration file', () => {
  test('of the smallest kind has every default', () => {
    expect(withoutFunctions(parseSettings('config.yml', MINIMAL))).toEqual({
      file: 'config.yml',
      reading: { honoured: ['version', 'storage.filesystem.rootdirectory', 'http.addr'], notices: [] },
      log: { level: 'info', formatter: 'text', fields: {}, hasAccessLog: true },
      store: { root: '/data', id: undefined, reserveBytes: undefined },
      deletesOn: false,
      isReadOnly: false,
      manifestUrls: undefined,
      uploadPurging: { isOn: true, ageMs: 604_800_000, intervalMs: 3_600_000, isDryRun: false },
      listeners: [{ address: { kind: 'tcp', host: undefined, port: 5000 }, view: 'registry' }],
      access: {
        ...{ anonymous: ['push'], accounts: [], htpasswd: undefined, token: undefined, immutable: [] },
        externalUrl: undefined,
      },
      headers: [],
      prefix: '',
      tls: undefined,
      health: { storage: undefined, files: [], http: [], tcp: [] },
      drainMs: 30_000,
      operations: [],
      catalogLimit: 1000,
      notifications: { includeReferences: false, endpoints: [] },
      mirrors: { defaultHost: undefined, upstreams: [] },
      overlay: {
        ...{ show: [{ text: '**' }], hide: [], prefer: 'local', override: [], localOnly: [] },
        ...{ fallThrough: [{ text: 'library/*' }], onRegistry: [{ text: 'library/*' }] },
      },
    })
  })

  test('may say everything', () => {
    const settings = parseSettings(
      'config.yml',
      `
version: "0.1"
log: {level: debug, formatter: json, fields: {service: registry}, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: /data}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false, age: 1d, interval: 30m}}
http:
  addr: run/core.sock
  net: unix
  host: https://registry.example.com/
  secret: x
  headers: {X-Content-Type-Options: [nosniff], X-A: [b, c]}
  draintimeout: 5s
  prefix: /a/b/
  tls: {certificate: c.pem, key: k.pem, clientcas: [ca.pem], minimumtls: tls1.3, ciphersuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}
  debug: {addr: "localhost:5001", prometheus: {enabled: true, path: /m}}
listeners:
  - {addr: "127.0.0.1:5001", anonymous: pull}
  - {socket: run/front.sock, view: header}
internal: {socket: run/control.sock}
access:
  anonymous: none
  accounts:
    - {name: ci, secretHash: '${HASH}', rights: [{repositories: ['team/**'], actions: [pull]}], until: 2027-01-31}
    - {name: scan, secretHash: '${HASH}', countsAsPull: false}
  immutable: [{repository: 'release/**', tag: 'v*'}]
auth:
  htpasswd: {realm: R, path: /auth/htpasswd}
  token: {realm: 'https://a/t', service: s, issuer: i, jwks: /jwks}
health:
  storagedriver: {enabled: true, interval: 5s, threshold: 3}
  file: [{file: /srv/registry/down}]
  http: [{uri: "https://up.example/x?y", headers: {A: [b, c]}, statuscode: 204, timeout: 1s, interval: 2s, threshold: 2}]
  tcp: [{addr: "[::1]:7", timeout: 1s}]
catalog: {maxentries: 50}
notifications:
  events: {includereferences: true}
  endpoints:
    - name: hub
      url: https://hub/events
      headers: {Authorization: [Bearer x]}
      timeout: 500ms
      threshold: 5
      backoff: 1m
      ignoredmediatypes: [application/octet-stream]
      ignore: {mediatypes: [text/plain], actions: [pull]}
    - {disabled: true, name: hub, url: "http://old"}
    - {name: hub, url: "http://new", timeout: 0s}
    - {url: "http://nameless:8080/x"}
store: {id: abc, reserve: 1g}
`,
    )
    expect(settings).toMatchObject({
      log: { hasAccessLog: false },
      store: { id: 'abc', reserveBytes: 1024 ** 3 },
      uploadPurging: { isOn: false, ageMs: 86_400_000, intervalMs: 1_800_000 },
      listeners: [
        { address: { kind: 'unix', path: 'run/core.sock' } },
        { address: { kind: 'tcp', port: 5001 } },
        { address: { kind: 'unix' }, view: 'header' },
      ],
      access: {
        anonymous: ['none', 'pull', 'none'],
        accounts: [
          { name: 'ci', until: new Date('2027-02-01T00:00:00Z'), countsAsPull: true },
          { name: 'scan', rights: [], until: undefined, countsAsPull: false },
        ],
        htpasswd: { realm: 'R', path: '/auth/htpasswd' },
        token: { service: 's', issuer: 'i', jwks: '/jwks', realm: 'https://a/t', redirectPath: undefined },
        externalUrl: 'https://registry.example.com',
      },
      headers: [
        ['X-Content-Type-Options', 'nosniff'],
        ['X-A', 'b'],
        ['X-A', 'c'],
      ],
      prefix: '/a/b',
      tls: {
        certificate: 'c.pem',
        key: 'k.pem',
        clientCas: ['ca.pem'],
        minimumVersion: 'TLSv1.3',
        cipherSuites: ['ECDHE-RSA-AES128-GCM-SHA256'],
      },
      health: {
        storage: { intervalMs: 5000, threshold: 3 },
        files: [{ file: '/srv/registry/down', intervalMs: 10_000, threshold: 1 }],
        http: [
          {
            uri: 'https://up.example/x?y',
            headers: [
              ['A', 'b'],
              ['A', 'c'],
            ],
            statusCode: 204,
            timeoutMs: 1000,
            intervalMs: 2000,
            threshold: 2,
          },
        ],
        tcp: [{ host: '::1', port: 7, timeoutMs: 1000, intervalMs: 10_000, threshold: 1 }],
      },
      operations: [
        { address: { kind: 'tcp', host: 'localhost', port: 5001 }, metricsPath: '/m' },
        { address: { kind: 'unix', path: 'run/control.sock' }, metricsPath: '/metrics' },
      ],
      notifications: {
        includeReferences: true,
        endpoints: [
          {
            ...{ name: 'hub', nth: 0, url: 'https://hub/events' },
            headers: [['Authorization', 'Bearer x']],
            ...{ timeoutMs: 500, threshold: 5, backoffMs: 60_000 },
            ignoredMediaTypes: ['application/octet-stream', 'text/plain'],
            ignoredActions: ['pull'],
          },
          { name: 'hub', nth: 1, url: 'http://new', timeoutMs: 1000, threshold: 10, backoffMs: 1000 },
          { name: 'nameless:8080', nth: 0 },
        ],
      },
    })
  })

  test.each([
    ['log: {level: loud}', 'config.yml: log.level is "loud"; allowed is one of error, warn, info, debug'],
    ['catalog: {maxentries: many}', 'config.yml: catalog.maxentries is "many"; allowed is a whole number'],
    [
      'store: {reserve: 5x}',
      'config.yml: store.reserve is "5x"; allowed is a number of bytes, or one with k, m, g or t (500m)',
    ],
    [
      'access: {colour: red}',
      'config.yml: access.colour is not a setting; docs/reference/settings.md lists them all',
    ],
    [
      'access: {accounts: [{name: ci, secretHash: my-password}]}',
      'config.yml: access.accounts[0].secretHash is not shown; allowed is a bcrypt hash of cost 4 to 15, as "registry-core hash" writes it',
    ],
    [
      'access: {immutable: [{repository: "Team/**", tag: v1}]}',
      'config.yml: access.immutable[0].repository is "Team/**"; allowed is a pattern of repository names: lower-case letters, digits, . _ - / and * or **',
    ],
    [
      'notifications: {endpoints: [{url: "ftp://x"}]}',
      'config.yml: notifications.endpoints[0].url is "ftp://x"; allowed is an address that begins with http:// or https://',
    ],
    [
      'notifications: {endpoints: [{url: "http://x", headers: {Host: [y]}}]}',
      'config.yml: notifications.endpoints[0].headers.Host is not the name of a header that is not the connection’s own (Host, Content-Length, …)',
    ],
    [
      'notifications: {endpoints: [{name: x}]}',
      'config.yml: notifications.endpoints[0] is {"name":"x"}; allowed is a url, an address that begins with http:// or https://',
    ],
    [
      'health: {http: [{uri: "ftp://x"}]}',
      'config.yml: health.http[0].uri is "ftp://x"; allowed is an http or https URL',
    ],
    [
      'listeners: [{view: registry}]',
      'config.yml: listeners[0] is {"view":"registry"}; allowed is either addr or socket, and only one of them',
    ],
  ])('with %s is refused by name', (line, sentence) => {
    expect(refusal(MINIMAL + line)).toBe(sentence)
  })

  test.each([
    ['', 'config.yml: it is empty, or no map; allowed is a map of keys and values'],
    ['a: [', /^config.yml: it is not YAML/],
    [
      'version: 0.1\nhttp: {addr: ":1"}',
      'config.yml: storage is missing; allowed is a map of keys and values',
    ],
    [
      'version: 0.2\nstorage: {filesystem: {}}\nhttp: {addr: ":1"}',
      'config.yml: version is 0.2; allowed is 0.1',
    ],
    ['version: 0.1\nstorage: {filesystem: {}}', /http.addr is missing/],
    [
      'version: 0.1\nstorage: {filesystem: {}}\nhttp: {addr: here}',
      /http.addr is "here"; allowed is an address/,
    ],
    [
      'version: 0.1\nstorage: {filesystem: {}}\nhttp: {addr: ":1", headers: {X: ["a\\r\\nb"]}}',
      /http.headers.X\[0\]/,
    ],
  ])('that reads %j is refused', (text, sentence) => {
    expect(refusal(text)).toMatch(sentence)
  })

  test('with a header view on an address is refused: whoever connects there would be believed', () => {
    expect(refusal(`${MINIMAL}listeners: [{addr: ":1", view: header}]`)).toContain(
      'view: header together with socket',
    )
  })

  test('that is a bomb of aliases is refused', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...['b', 'c', 'd', 'e', 'f', 'g'].map((c, i) => `${c}: &${c} [${`*${'abcdef'[i]},`.repeat(9)}]`),
    ]
    expect(refusal(bomb.join('\n'))).toMatch(/not YAML/)
  })

  test('has a sentence for each of its keys', () => {
    const described = describeSettings()
    expect(described.map(({ key }) => key)).toContain('storage.delete.enabled')
    expect(described.map(({ key }) => key)).toContain('listeners[].view')
    for (const { key, description } of described)
      expect([key, description]).toEqual([key, expect.stringMatching(/^[A-Z].*\.$/)])
  })
})
