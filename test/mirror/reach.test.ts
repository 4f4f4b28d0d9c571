import { writeFileSync } from 'node:fs'
import path from 'node:path'

import { beforeEach, describe, expect, test } from '@jest/globals'

import { makeCertificates } from '../support/certificates.js'
import type { FakeUpstream, FakeUpstreamOptions } from '../support/fake-upstream/fake-upstream.js'
import { HttpProxy } from '../support/http-proxy.js'
import { type Image, makeImage } from '../support/images.js'
import type { Mirror, MirroredUpstream } from '../support/mirror.js'
import { NameServer } from '../support/name-server.js'
import { useOneFolder } from './one-folder.js'
import { getManifest, pullImage } from './pulls.js'

const HUB = 'docker.io'
const LOOPBACK = ['127.0.0.0/8', '::1']
const IMAGE = ['org/img', 'v1'] as const

describe('an upstream is reached', () => {
  const folder = useOneFolder()
  let image: Image

  beforeEach(() => {
    image = makeImage()
  })

  async function upstreamOf(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
    const upstream = await folder.upstream(options)
    upstream.hold(...([IMAGE[0], image, IMAGE[1]] as const))
    return upstream
  }
  function mirrorOf(upstream: Omit<MirroredUpstream, 'host'>, environment = {}): Promise<Mirror> {
    return folder.mirror({ upstreams: [{ host: HUB, ...upstream }], environment })
  }
  async function proxyOf(): Promise<HttpProxy> {
    const proxy = await HttpProxy.start()
    folder.atTheEnd(() => proxy.close())
    return proxy
  }
  async function nameServerOf(): Promise<NameServer> {
    const server = await NameServer.start()
    folder.atTheEnd(() => server.close())
    return server
  }

  test('over TLS with an authority of its own', async () => {
    const tls = await makeCertificates(folder.path)
    const upstream = await upstreamOf({ tls })
    const { mirror } = await mirrorOf({ at: upstream, ca: tls.caFile })
    await pullImage(mirror, IMAGE, image)
  })

  test('through a proxy, by CONNECT for https, and the proxy finds the address', async () => {
    const tls = await makeCertificates(folder.path, ['DNS:far.example'])
    const upstream = await upstreamOf({ tls })
    const proxy = await proxyOf()
    const settings = { urls: [`https://far.example:${upstream.port}`], ca: tls.caFile }
    const { mirror } = await mirrorOf({ ...settings, proxy: `http://me:word@127.0.0.1:${proxy.port}` })
    await pullImage(mirror, IMAGE, image)
    expect(new Set(proxy.requests)).toEqual(new Set([`CONNECT far.example:${upstream.port}`]))
    expect(new Set(proxy.logins)).toEqual(new Set([`Basic ${Buffer.from('me:word').toString('base64')}`]))
  })

  test.each(['http_proxy', 'HTTP_PROXY'])('through the proxy of the environment, %s', async (variable) => {
    const upstream = await upstreamOf()
    const proxy = await proxyOf()
    const environment = { [variable]: `http://127.0.0.1:${proxy.port}` }
    const { mirror } = await mirrorOf({ urls: [`http://far.example:${upstream.port}`] }, environment)
    await pullImage(mirror, IMAGE, image)
    expect(proxy.requests.length).toBeGreaterThan(0)
  })

  test.each(['127.0.0.1', '127.0.0.0/8', '*'])('without the proxy where noProxy says %s', async (noProxy) => {
    const upstream = await upstreamOf()
    const proxy = await proxyOf()
    const settings = { at: upstream, proxy: `http://127.0.0.1:${proxy.port}`, noProxy: [noProxy] }
    const { mirror } = await mirrorOf(settings)
    await pullImage(mirror, IMAGE, image)
    expect(proxy.requests).toEqual([])
  })

  test.each(['.example', '*.example', 'far.example'])(
    'without the proxy where NO_PROXY says %s',
    async (name) => {
      const upstream = await upstreamOf()
      const [proxy, names] = [await proxyOf(), await nameServerOf()]
      names.tell('far.example', '127.0.0.1')
      const environment = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: `x,${name}` }
      const settings = { urls: [`http://far.example:${upstream.port}`], dns: [names.address] }
      const { mirror } = await mirrorOf({ ...settings, allowAddresses: LOOPBACK }, environment)
      await pullImage(mirror, IMAGE, image)
      expect(proxy.requests).toEqual([])
    },
  )

  test('by the name servers that the settings name', async () => {
    const upstream = await upstreamOf()
    const names = await nameServerOf()
    names.tell('far.example', '127.0.0.1')
    const url = `http://far.example:${upstream.port}`
    const { mirror } = await mirrorOf({ urls: [url], dns: [names.address], allowAddresses: LOOPBACK })
    await pullImage(mirror, IMAGE, image)
    expect(names.asked).toContain('far.example')
  })

  test('at no address that may not be dialled, whatever the name server says later (attack 51)', async () => {
    const evil = await upstreamOf({ address: '127.0.0.3' })
    const names = await nameServerOf()
    names.tell('rebound.example', '127.0.0.1', '127.0.0.3')
    const settings = { urls: [`http://rebound.example:${evil.port}`], dns: [names.address] }
    const { mirror } = await mirrorOf({ ...settings, allowAddresses: ['127.0.0.1'] })
    for (const tag of ['v1', 'v2', 'v3']) expect((await getManifest(mirror, IMAGE[0], tag)).status).toBe(404)
    expect(evil.requests).toEqual([])
  })

  test('at no loopback address that nobody has allowed (attack 51)', async () => {
    const upstream = await upstreamOf()
    const { mirror } = await mirrorOf({ urls: [upstream.url] })
    expect((await getManifest(mirror, ...IMAGE)).status).toBe(404)
    expect(upstream.requests).toEqual([])
  })

  test('with Basic, and a password from a file that may change', async () => {
    const upstream = await upstreamOf({ auth: 'basic', users: { me: 'second' } })
    const passwordFile = path.join(folder.path, 'password')
    writeFileSync(passwordFile, 'first\n')
    const settings = { username: 'me', passwordFile, expose: 'all', whenMissing: 503 }
    const mirror = await mirrorOf({ at: upstream, ...settings })
    expect((await getManifest(mirror.mirror, ...IMAGE)).status).toBe(503)
    writeFileSync(passwordFile, 'second\n')
    const other = makeImage()
    upstream.hold('org/other', other, 'v1')
    await pullImage(mirror.mirror, ['org/other', 'v1'], other)
  })

  test('with a token that is fetched anew when it is over', async () => {
    const upstream = await upstreamOf({ auth: 'bearer' })
    const { mirror } = await mirrorOf({ at: upstream, freshFor: '0s' })
    await pullImage(mirror, IMAGE, image)
    upstream.tokens.revoke()
    const moved = makeImage()
    upstream.hold(IMAGE[0], moved, IMAGE[1])
    const pulled = await pullImage(mirror, IMAGE, moved)
    expect(pulled.warning).toBeUndefined()
    expect(upstream.tokens.issued.get(`repository:${IMAGE[0]}:pull`)).toBe(2)
  })

  test('no faster than it may be', async () => {
    const upstream = await upstreamOf()
    const large = makeImage({ layers: 2, layerSizeBytes: 1024 * 1024 })
    upstream.hold('org/large', large, 'v1')
    const { mirror } = await mirrorOf({ at: upstream, maxBytesPerSecond: '1m' })
    const start = performance.now()
    await pullImage(mirror, ['org/large', 'v1'], large)
    expect(performance.now() - start).toBeGreaterThan(900)
  })
})
