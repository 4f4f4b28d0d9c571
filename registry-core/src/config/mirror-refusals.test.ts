import { describe, expect, test } from '@jest/globals'
import { ConfigurationError } from './configuration-error.js'
import { parseSettings } from './read-settings.js'

const MINIMAL = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n'
const AT = 'mirrors.upstreams[0]'
const ADDRESS = 'allowed is an address like https://quay.io, with http or https and without a path'

function findings(more: string): readonly string[] {
  try {
    parseSettings('config.yml', MINIMAL + more)
    return []
  } catch (error) {
    return error instanceof ConfigurationError ? error.findings : [String(error)]
  }
}

const upstream = (keys: string) => findings(`mirrors: {upstreams: [{host: quay.io, ${keys}}]}`)

describe('an upstream is refused', () => {
  test.each([
    ['urls: ["file:///etc/passwd"]', `${AT}.urls[0] is "file:///etc/passwd"; ${ADDRESS}`],
    ['urls: ["unix:/run/docker.sock"]', `${AT}.urls[0] is "unix:/run/docker.sock"; ${ADDRESS}`],
    ['urls: ["https://quay.io/v2/"]', `${AT}.urls[0] is "https://quay.io/v2/"; ${ADDRESS}`],
    ['urls: ["https://quay.io?x=1"]', `${AT}.urls[0] is "https://quay.io?x=1"; ${ADDRESS}`],
    ['urls: [quay.io]', `${AT}.urls[0] is "quay.io"; ${ADDRESS}`],
    ['urls: []', `${AT}.urls is []; allowed is one address at least`],
    ...[22, 25, 5432, 6379].map((port) => [
      `urls: ["http://db.example:${port}"]`,
      `${AT}.urls[0] is "http://db.example:${port}"; allowed is another port: ${port} is that of another protocol`,
    ]),
    [
      'proxy: "socks5://p:1080"',
      `${AT}.proxy is "socks5://p:1080"; ${ADDRESS}`, //
    ],
    [
      'allowAddresses: [127.0.0.1/33]',
      `${AT}.allowAddresses[0] is "127.0.0.1/33"; allowed is a range of addresses like 10.0.0.0/8, or one address`,
    ],
    [
      'dns: [dns.example]',
      `${AT}.dns[0] is "dns.example"; allowed is the address of a name server like 9.9.9.9, with or without :port`,
    ],
    [
      'realms: ["https://auth.example"]',
      `${AT}.realms[0] is "https://auth.example"; allowed is a host in lower case like auth.docker.io`,
    ],
    ['username: me', `${AT}.password is missing; allowed is password or passwordFile, with username`],
    ['password: x', `${AT}.username is missing; allowed is username, with password or passwordFile`],
    [
      'username: me, password: x, passwordFile: /y',
      `${AT}.passwordFile is not shown; allowed is one of password and passwordFile`,
    ],
    [
      'proxy: "http://u:50%@p:3128"',
      `${AT}.proxy is "http://…@p:3128"; allowed is an address like http://user:password@proxy:3128, with %25 for a % in the password`,
    ],
    [
      'proxy: "http://u:p@p:3128", proxyPasswordFile: /y',
      `${AT}.proxy is "http://…@p:3128"; allowed is a proxy with a user and without a password, with proxyPasswordFile`,
    ],
    ['noProxy: [.lan]', `${AT}.proxy is missing; allowed is proxy, with noProxy`],
    ['whenMissing: 429', `${AT}.whenMissing is 429; allowed is 404 or 503`],
    ['maxConnections: 0', `${AT}.maxConnections is 0; allowed is a number from 1 to 1000`],
    ['maxBytesPerSecond: 1', `${AT}.maxBytesPerSecond is 1; allowed is 1k or more`],
    [
      'freshFor: soon',
      `${AT}.freshFor is "soon"; allowed is a duration (5m), or a list like [{repository: library/*, tag: latest, freshFor: 1h}, {freshFor: 5m}]`,
    ],
    ['colour: red', `${AT}.colour is not a setting; docs/reference/settings.md lists them all`],
  ])('with %s', (keys, sentence) => {
    expect(upstream(keys ?? '')).toEqual([sentence])
  })

  test.each([
    'Quay.io',
    'team',
    'quay.io/org',
    'quay.io:0',
    'quay.io:70000',
    '-x.io',
    'quay.io.',
    'a_b.io',
    '[::1]',
  ])('whose host is %s', (host) => {
    const allowed = 'a host in lower case, as it stands before an image: quay.io, registry.example:5000'
    expect(findings(`mirrors: {upstreams: [{host: "${host}"}]}`)).toEqual([
      `${AT}.host is "${host}"; allowed is ${allowed}`,
    ])
  })
})

describe('mirrors are refused', () => {
  test('when a name would mean two upstreams', () => {
    expect(
      findings(
        'mirrors: {upstreams: [{host: docker.io}, {host: quay.io, aliases: [index.docker.io]}, {host: quay.io}]}',
      ),
    ).toEqual([
      'mirrors.upstreams[1].aliases[0] is "index.docker.io"; allowed is a name that no other upstream has: mirrors.upstreams[0] has index.docker.io',
      'mirrors.upstreams[2].host is "quay.io"; allowed is a name that no other upstream has: mirrors.upstreams[1] has quay.io',
    ])
  })

  test('when Docker Hub is called otherwise than in images', () => {
    expect(findings('mirrors: {upstreams: [{host: index.docker.io}]}')).toEqual([
      `${AT}.host is "index.docker.io"; allowed is docker.io, which is the same`,
    ])
  })

  test.each(['{default: docker.io}', '{default: docker.io, upstreams: [{host: quay.io}]}'])(
    'when a bare name would mean nobody: %s',
    (mirrors) => {
      expect(findings(`mirrors: ${mirrors}`)).toEqual([
        'mirrors.default is "docker.io"; allowed is the host of one of mirrors.upstreams',
      ])
    },
  )

  test('when a listener stands for an upstream that there is not', () => {
    expect(findings('listeners: [{addr: ":1", view: upstream, upstream: quay.io}]')).toEqual([
      'listeners[0].upstream is "quay.io"; allowed is the host of one of mirrors.upstreams',
    ])
    const allowed = 'view: upstream together with upstream: the host of one of mirrors.upstreams'
    for (const keys of ['view: upstream', 'view: mirror, upstream: quay.io'])
      expect(findings(`listeners: [{addr: ":1", ${keys}}]`)).toEqual([expect.stringContaining(allowed)])
  })
})

describe('no password is in a refusal', () => {
  test.each([
    'mirrors: {upstreams: [{host: quay.io, urls: ["https://me:hush@quay.io"]}]}',
    'mirrors: {upstreams: [{host: quay.io, urls: ["https://me:a/hush@quay.io"]}]}',
    'mirrors: {upstreams: [{host: quay.io, urls: ["me:hush@quay.io"]}]}',
    'mirrors: {upstreams: [{host: quay.io, proxy: "ftp://me:hush@proxy"}]}',
    'mirrors: {upstreams: [{host: quay.io, password: {a: hush}}]}',
    'mirrors: {upstreams: {host: quay.io, password: hush}}',
    'mirrors: {upstreams: [[{host: quay.io, urls: ["me:hush@quay.io"]}]]}',
    'mirrors: {upstreams: [{host: quay.io, username: me, password: *hush}]}',
    'mirrors:\n  upstreams:\n    - host: quay.io\n      password: >hush\n',
    'proxy: {remoteurl: "https://me:hush@quay.io"}',
    'proxy: {remoteurl: "me:hush@quay.io"}',
    'proxy: {remoteurl: "https://quay.io", username: me, password: [hush]}',
    'proxy: {remoteurl: "https://quay.io", username: me, password: hush}\nmirrors: {}',
  ])('to %s', (more) => {
    const found = findings(more)
    expect(found).not.toEqual([])
    expect(found.join('\n')).not.toContain('hush')
  })

  test('of a variable', () => {
    for (const value of ['*hush', '>hush', '{a: hush}', '[hush'])
      expect(() =>
        parseSettings('config.yml', `${MINIMAL}proxy: {remoteurl: "https://quay.io"}`, {
          REGISTRY_PROXY_PASSWORD: value,
        }),
      ).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hush') }))
  })
})
