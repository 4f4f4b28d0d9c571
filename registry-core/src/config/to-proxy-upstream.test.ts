import { describe, expect, test } from '@jest/globals'
import type { UpstreamSettings } from '../mirror/mirror-settings.js'
import { ConfigurationError } from './configuration-error.js'
import { parseSettings } from './read-settings.js'
import type { Settings } from './settings.js'

/** The mirror's file of setup A, as people have it. */
const FILE = `
version: 0.1
log: {fields: {service: registry}}
storage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000", headers: {X-Content-Type-Options: [nosniff]}}
health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}}
`

function parse(proxy: string, environment: Readonly<Record<string, string>> = {}): Settings {
  return parseSettings('config.yml', `${FILE}proxy: ${proxy}`, environment)
}

function upstreamOf(remote: string): UpstreamSettings {
  const [only] = parse(`{remoteurl: "${remote}"}`).mirrors.upstreams
  if (only === undefined) throw new Error('there is no upstream')
  return only
}

describe('the proxy of registry:2', () => {
  test('is one upstream, which http.addr stands for, under names without a host', () => {
    const { mirrors, listeners } = parse(
      '{remoteurl: "https://registry-1.docker.io", username: me, password: 0123}',
    )
    expect(listeners).toMatchObject([{ view: 'mirror' }])
    expect(mirrors).toMatchObject({
      defaultHost: 'docker.io',
      upstreams: [
        {
          ...{ host: 'docker.io', aliases: ['index.docker.io', 'registry-1.docker.io'], naming: 'bare' },
          urls: [new URL('https://registry-1.docker.io')],
          credentials: { username: 'me', password: { text: '0123' } },
          expose: 'all',
        },
      ],
    })
  })

  test.each([
    ['https://docker.io', 'docker.io', 'https://registry-1.docker.io/'],
    ['https://index.docker.io/', 'docker.io', 'https://registry-1.docker.io/'],
    ['https://quay.io', 'quay.io', 'https://quay.io/'],
    ['http://Registry:5000', 'registry_5000', 'http://registry:5000/'],
    ['http://[::1]:5000', 'ipv6-0-0-1_5000', 'http://[::1]:5000/'],
  ])('of %s has the host %s', (remote, host, url) => {
    const { urls, ...upstream } = upstreamOf(remote)
    expect([upstream.host, urls.map(({ href }) => href)]).toEqual([host, [url]])
  })

  test('dials what registry:2 would: the class of addresses that its URL is of, and no other', () => {
    const probes = ['127.0.0.1', '10.0.0.1', '169.254.169.254', '169.254.1.1']
    const allowed = (remote: string) =>
      probes.filter((address) => upstreamOf(remote).allowAddresses.check(address))
    expect(allowed('http://127.0.0.1:5000')).toEqual(['127.0.0.1'])
    expect(allowed('http://localhost:5000')).toEqual(['127.0.0.1'])
    expect(allowed('http://192.168.1.1')).toEqual(['10.0.0.1'])
    expect(allowed('http://hub:5000')).toEqual(['10.0.0.1'])
    expect(allowed('http://169.254.1.1')).toEqual(['169.254.1.1'])
    expect(allowed('https://quay.io')).toEqual([])
    expect(upstreamOf('http://[::1]:5000').allowAddresses.check('::1', 'ipv6')).toBe(true)
  })

  test('may come from the environment, empty values being none', () => {
    const { mirrors, reading } = parse('{}', {
      REGISTRY_PROXY_REMOTEURL: 'https://quay.io',
      REGISTRY_PROXY_USERNAME: '',
      REGISTRY_PROXY_PASSWORD: '""',
      REGISTRY_PROXY_TTL: '168h',
    })
    expect(mirrors.upstreams).toMatchObject([{ host: 'quay.io', credentials: undefined }])
    expect(reading.notices.filter(({ key }) => key.startsWith('proxy'))).toEqual([
      {
        ...{ kind: 'accepted', key: 'proxy.ttl' },
        sentence:
          'proxy.ttl (set by REGISTRY_PROXY_TTL) is accepted and has no effect: what was fetched stays; lifetimes come with a later version',
      },
    ])
    expect(parse('{remoteurl: ""}').mirrors.upstreams).toEqual([])
  })

  test.each([
    ['{username: me, password: x}', 'proxy has no effect without proxy.remoteurl'],
    ['{remoteurl: "https://quay.io", username: me}', 'proxy.username has no effect without proxy.password'],
    ['{remoteurl: "https://quay.io", password: x}', 'proxy.password has no effect without proxy.username'],
  ])('that is said by half is warned of: %s', (proxy, sentence) => {
    const { reading, mirrors } = parse(proxy)
    expect(reading.notices).toContainEqual(expect.objectContaining({ kind: 'misplaced', sentence }))
    expect(mirrors.upstreams.flatMap(({ credentials }) => credentials ?? [])).toEqual([])
  })

  test.each([
    [
      'proxy: {remoteurl: quay.io}',
      'proxy.remoteurl is "quay.io"; allowed is an address like https://quay.io, with http or https and without a path',
    ],
    [
      'proxy: {remoteurl: "http://db:5432"}',
      'proxy.remoteurl is "http://db:5432"; allowed is another port: 5432 is that of another protocol',
    ],
    [
      'proxy: {remoteurl: "https://quay.io"}\nmirrors: {upstreams: [{host: ghcr.io}]}',
      'proxy and mirrors stand in one file: write what proxy names as one of mirrors.upstreams, and take proxy out',
    ],
  ])('is refused in one sentence: %s', (more, sentence) => {
    expect(() => parseSettings('config.yml', FILE + more)).toThrow(
      new ConfigurationError('config.yml', [sentence]),
    )
  })
})
