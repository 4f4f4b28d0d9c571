import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { MirrorSettings, UpstreamSettings } from '../mirror/mirror-settings.js'
import { parseSettings } from './read-settings.js'
import type { Settings } from './settings.js'

const MINIMAL = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n'
/** Of nobody, for this test only. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBbjCCARWgAwIBAgIUOjyjVnzOEZ1UFPRzANcxcTtTD+YwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwHhcNMjYxMTIxMTgxODM4WhcNMzYxMTE4MTgxODM4WjAN
MQswCQYDVQQDDAJjYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLNiOLBr8W51
xWErl4PviSzl28WfH+OViEqkeNEJFLIykwi9PXNhwhtJ2vKZ1Ef8MTZ5bs/gvNLt
4kCoBU1dQPOjUzBRMB0GA1UdDgQWBBTAMRrlrVbqhAMkoketY7hy33o0wTAfBgNV
HSMEGDAWgBTAMRrlrVbqhAMkoketY7hy33o0wTAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0cAMEQCID5P3fwuHcfpneQDFYkmJbWTo7TyyFbRYNJQqiMFhPfY
AiAmaWjJMtzvTryr2TA/pvSsSu9yeiXqD1Qw1qKPRLw0dQ==
-----END CERTIFICATE-----
`

function parse(more: string): Settings {
  return parseSettings('config.yml', MINIMAL + more)
}

function mirrorsOf(mirrors: string): MirrorSettings {
  return parse(`mirrors: ${mirrors}`).mirrors
}

function upstreamOf(upstream: string): UpstreamSettings {
  const [only] = mirrorsOf(`{upstreams: [${upstream}]}`).upstreams
  if (only === undefined) throw new Error('there is no upstream')
  return only
}

describe('an upstream of which only the host is said', () => {
  test('has every default', () => {
    expect(upstreamOf('{host: quay.io}')).toMatchObject({
      ...{ host: 'quay.io', aliases: [], urls: [new URL('https://quay.io')], credentials: undefined },
      ...{ ca: undefined, proxy: undefined, dns: [], realms: [], allowAddresses: { rules: [] } },
      ...{ freshFor: { rules: [], otherwiseMs: undefined }, whenMissing: 404, expose: 'accounts' },
      ...{ maxConnections: 16, maxBytesPerSecond: undefined, isConfirmed: false, naming: 'host' },
    })
  })

  test('and that is Docker Hub is known by its other names, asked where it is, and what bare names mean', () => {
    const { defaultHost, upstreams } = mirrorsOf('{upstreams: [{host: quay.io}, {host: docker.io}]}')
    expect(defaultHost).toBe('docker.io')
    expect(upstreams[1]).toMatchObject({
      aliases: ['index.docker.io', 'registry-1.docker.io'],
      urls: [new URL('https://registry-1.docker.io')],
    })
  })

  test('has its port behind a _ in the store, and behind a : where it is asked', () => {
    const { host, urls, aliases } = upstreamOf('{host: "reg.example:5000", aliases: ["10.0.0.1:80"]}')
    expect([host, urls[0]?.href, aliases]).toEqual([
      ...['reg.example_5000', 'https://reg.example:5000/', ['10.0.0.1_80']],
    ])
  })
})

test('an upstream may say everything', () => {
  const upstream = upstreamOf(`{
    host: docker.io, aliases: [hub.example, index.docker.io], urls: [https://hub.example, "http://10.0.0.1:5000/"],
    username: me, passwordFile: /run/secrets/hub, proxy: "http://u:p@proxy:3128", noProxy: [.lan, "10.0.0.0/8"],
    dns: [9.9.9.9, "127.0.0.1:5353", "[::1]:53"], realms: [auth.docker.io],
    allowAddresses: [127.0.0.0/8, "::1", 169.254.1.2],
    freshFor: [{repository: library/*, tag: "1.*", freshFor: 1h}, {freshFor: 10s}],
    whenMissing: 503, expose: public, maxConnections: 4, maxBytesPerSecond: 10m, confirmed: yes}`)
  expect(upstream).toMatchObject({
    aliases: ['index.docker.io', 'registry-1.docker.io', 'hub.example'],
    urls: [new URL('https://hub.example'), new URL('http://10.0.0.1:5000')],
    credentials: { username: 'me', password: { file: '/run/secrets/hub' } },
    proxy: { url: new URL('http://u:p@proxy:3128'), noProxy: ['.lan', '10.0.0.0/8'] },
    dns: ['9.9.9.9', '127.0.0.1:5353', '[::1]:53'],
    realms: ['auth.docker.io'],
    freshFor: {
      rules: [
        { repository: { text: 'library/*' }, tag: { text: '1.*' }, ms: 3_600_000 },
        { repository: { text: '**' }, tag: { text: '*' }, ms: 10_000 },
      ],
    },
    ...{ whenMissing: 503, expose: 'public', maxConnections: 4, maxBytesPerSecond: 10_485_760 },
    isConfirmed: true,
  })
  const allowed = ['127.9.9.9', '169.254.1.2', '169.254.1.3', '10.0.0.1']
  expect(allowed.map((address) => upstream.allowAddresses.check(address))).toEqual([true, true, false, false])
  expect(upstream.allowAddresses.check('::1', 'ipv6')).toBe(true)
})

test('what an upstream does not say of freshness, all of them may', () => {
  const { upstreams } = mirrorsOf(
    '{freshFor: 7m, upstreams: [{host: a.io}, {host: b.io, freshFor: 0}, {host: c.io, freshFor: [{tag: v*, freshFor: 1h}]}]}',
  )
  expect(upstreams.map(({ freshFor }) => [freshFor.rules.length, freshFor.otherwiseMs])).toEqual([
    ...[[0, 420_000] as const, [0, 0] as const, [1, 420_000] as const],
  ])
})

test('a bare name means the upstream that mirrors.default names, by whatever name', () => {
  const upstreams = 'upstreams: [{host: docker.io}, {host: "r.example:5000", aliases: [s.example]}]'
  expect(mirrorsOf(`{default: s.example, ${upstreams}}`).defaultHost).toBe('r.example_5000')
  expect(mirrorsOf(`{default: "r.example:5000", ${upstreams}}`).defaultHost).toBe('r.example_5000')
  expect(mirrorsOf('{upstreams: [{host: quay.io}]}').defaultHost).toBe(undefined)
})

test('a listener may stand for an upstream, or be a mirror', () => {
  const { listeners } = parse(`
mirrors: {upstreams: [{host: docker.io}, {host: quay.io}]}
listeners:
  - {addr: ":5001", view: mirror}
  - {addr: ":5002", view: upstream, upstream: quay.io}
  - {addr: ":5003", view: upstream, upstream: index.docker.io}
`)
  expect(listeners.map(({ view }) => view)).toEqual([
    ...['registry', 'mirror', { upstream: 'quay.io' }, { upstream: 'docker.io' }],
  ])
})

test('overlay has patterns for what is shown, who wins, and who is asked', () => {
  const { overlay } = parse('overlay: {prefer: upstream, localOnly: [acme/**], fallThrough: []}')
  expect(overlay.prefer).toBe('upstream')
  expect(overlay.localOnly[0]?.matches('acme/web')).toBe(true)
  expect(overlay.fallThrough).toEqual([])
  expect(overlay.onRegistry[0]?.matches('library/busybox')).toBe(true)
})

describe('the authorities of an upstream', () => {
  let folder: string
  beforeAll(() => void (folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each([
    ['there is no such file', undefined],
    ['there is no certificate in it, as PEM', 'x'],
    ['its certificate number 2 cannot be read', CERTIFICATE + CERTIFICATE.replace('MII', 'MIA')],
  ])('are looked at when the settings are read: %s', (why, content) => {
    const file = path.join(folder, `${why.slice(0, 9)}.pem`)
    if (content !== undefined) writeFileSync(file, content)
    expect(() => upstreamOf(`{host: quay.io, ca: ${file}}`)).toThrow(
      `config.yml: mirrors.upstreams[0].ca names ${file}: ${why}`,
    )
  })

  test('are the text of the file', () => {
    const file = path.join(folder, 'ca.pem')
    writeFileSync(file, CERTIFICATE)
    expect(upstreamOf(`{host: quay.io, ca: ${file}}`).ca).toBe(CERTIFICATE)
  })
})

test('the password of a proxy may stand in a file, and is never a part of a refusal', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  try {
    const file = path.join(folder, 'password')
    writeFileSync(file, 'p@ss/word %\n')
    const keys = 'host: quay.io, proxy: "http://me@proxy:3128"'
    const { proxy } = upstreamOf(`{${keys}, proxyPasswordFile: "${file}"}`)
    expect(decodeURIComponent(proxy?.url.password ?? '')).toBe('p@ss/word %')
    expect(() => upstreamOf(`{${keys}, proxyPasswordFile: "${file}.gone"}`)).toThrow(
      /proxyPasswordFile names .*gone/,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
