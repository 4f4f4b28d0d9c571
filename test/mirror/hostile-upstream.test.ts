import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'

import { makeCertificates } from '../support/certificates.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import type { Fault } from '../support/fake-upstream/faults.js'
import { type Image, makeImage, manifestOf, MEDIA_TYPES, randomLayer } from '../support/images.js'
import { type Mirror, startMirror } from '../support/mirror.js'
import { expectStatus } from '../support/registry-client.js'
import { download } from './download.js'
import { getManifest, pullImage } from './pulls.js'
import { useScene } from './scene.js'

const HUB = 'docker.io'
const CANARY = 'canary-password-7f31'
const USERS = { users: { me: CANARY } }
const LOGIN = { username: 'me', password: CANARY }

describe('an upstream that says more than it should', () => {
  const scene = useScene({ hosts: { [HUB]: { settings: { freshFor: '0s' } } } })
  const HEADERS = {
    'x-accel-redirect': '/secret',
    'x-accel-buffering': 'no',
    'x-sendfile': '/etc/passwd',
    'set-cookie': 'a=b',
    'access-control-allow-origin': '*',
    location: 'http://evil.example/',
    'x-entrepot-origin': 'evil',
    'x-cache': 'evil',
    'www-authenticate': 'Basic realm="evil"',
    'content-security-policy': 'none',
    'strict-transport-security': 'max-age=1',
    'alt-svc': 'h3=":443"',
  }

  test('passes on no header of its own (attack 22)', async () => {
    const image = makeImage()
    scene.upstreams[HUB].hold('org/img', image, 'v1')
    scene.upstreams[HUB].fail({ how: { headers: HEADERS } })
    const { mirror } = scene.mirror
    const blob = `/v2/org/img/blobs/${image.blobs[1]?.descriptor.digest}`
    const answers = [
      await getManifest(mirror, 'org/img', 'v1'),
      await mirror.head(blob),
      await mirror.get(blob),
      await mirror.get('/v2/org/img/tags/list'),
      await mirror.get(`/v2/org/img/referrers/${image.manifest.descriptor.digest}`),
      await mirror.get(blob),
    ]
    for (const answer of answers) {
      expectStatus(answer, 200)
      for (const [name, value] of Object.entries(HEADERS))
        expect([answer.call.target, name, answer.header(name)]).not.toEqual([answer.call.target, name, value])
    }
  })

  test('names foreign layers, which nobody fetches for it (attack 33)', async () => {
    const other = await FakeUpstream.start()
    try {
      const layer = randomLayer()
      const foreign = { ...layer.descriptor, urls: [`${other.url}/v2/x/blobs/${layer.descriptor.digest}`] }
      const config = makeImage().blobs[0] ?? layer
      const manifest = manifestOf({
        ...{ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest },
        ...{ config: config.descriptor, layers: [foreign] },
      })
      scene.upstreams[HUB].hold('org/foreign', { manifest, blobs: [config] }, 'v1')
      const { mirror } = scene.mirror
      expect(expectStatus(await getManifest(mirror, 'org/foreign', 'v1'), 200).body).toEqual(manifest.bytes)
      expect((await mirror.get(`/v2/org/foreign/blobs/${layer.descriptor.digest}`)).status).toBe(404)
      expect(other.requests).toEqual([])
    } finally {
      await other.close()
    }
  })
})

describe('an upstream that asks for a password elsewhere', () => {
  const mirrors: Mirror[] = []
  const upstreams: FakeUpstream[] = []
  afterEach(async () => {
    await Promise.all(mirrors.splice(0).map((mirror) => mirror.remove()))
    await Promise.all(upstreams.splice(0).map((upstream) => upstream.close()))
  })

  /** An upstream whose challenge names another host, and what that host heard. */
  async function pull(
    realmOf: (evil: FakeUpstream) => string,
    settings = {},
  ): Promise<readonly [number, string]> {
    const evil = await FakeUpstream.start({ ...USERS, address: '127.0.0.2' })
    const hub = await FakeUpstream.start({ auth: 'bearer', issuer: evil, realm: realmOf(evil), ...USERS })
    upstreams.push(evil, hub)
    hub.hold('org/img', makeImage(), 'v1')
    const mirror = await startMirror({ upstreams: [{ host: HUB, at: hub, ...LOGIN, ...settings }] })
    mirrors.push(mirror)
    const { status } = await getManifest(mirror.mirror, 'org/img', 'v1')
    const heard = [...evil.requests, ...hub.requests].map(
      ({ target, headers }) => target + JSON.stringify(headers),
    )
    const secret = Buffer.from(`me:${CANARY}`).toString('base64')
    return [
      status,
      heard.some((text) => text.includes(secret) || text.includes(CANARY)) ? 'told' : 'not told',
    ]
  }

  test('at another address over http hears none, and the client is answered 404 (attack 49)', async () => {
    expect(await pull((evil) => `${evil.url}/token`)).toEqual([404, 'not told'])
  })

  test('at a name that only begins like its own hears none (attack 49)', async () => {
    const realm = (evil: FakeUpstream): string => `http://127.0.0.1.evil.example:${evil.port}/token`
    expect(await pull(realm)).toEqual([404, 'not told'])
  })

  test('by a realm with a user in it hears none (attack 49)', async () => {
    expect(await pull(({ port }) => `http://127.0.0.1@127.0.0.2:${port}/token`)).toEqual([404, 'not told'])
  })

  test('at a host that the settings list is told', async () => {
    expect(await pull((evil) => `${evil.url}/token`, { realms: ['127.0.0.2'] })).toEqual([200, 'told'])
  })
})

describe('an upstream that sends clients on', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  let hub: FakeUpstream
  let storage: FakeUpstream
  let mirror: Mirror
  let images = 0
  let image: Image
  let name: string

  beforeAll(async () => {
    const certificates = await makeCertificates(folder)
    hub = await FakeUpstream.start({ tls: certificates, auth: 'basic', ...USERS })
    storage = await FakeUpstream.start({ address: '127.0.0.2' })
    const settings = { ca: certificates.caFile, allowAddresses: ['127.0.0.1'], ...LOGIN, expose: 'all' }
    mirror = await startMirror({ upstreams: [{ host: HUB, at: hub, ...settings }] })
  })
  afterEach(() => {
    hub.heal()
    hub.requests = []
    storage.requests = []
  })
  afterAll(async () => {
    await mirror.remove()
    await hub.close()
    await storage.close()
    rmSync(folder, { recursive: true })
  })

  /** The status of a blob whose upstream answers so. */
  async function statusUnder(how: Fault): Promise<number> {
    name = `sent/on${++images}`
    image = makeImage({ layers: 1 })
    for (const upstream of [hub, storage]) upstream.hold(name, image, 'v1')
    expectStatus(await getManifest(mirror.mirror, name, 'v1'), 200)
    hub.fail({ on: 'blob', how })
    const target = `/v2/${name}/blobs/${image.blobs[1]?.descriptor.digest}`
    const { status, ended } = await download(mirror.mirrorPort, target)
    await ended
    return status
  }

  test.each([
    ['a loopback address', (port: number) => `https://127.0.0.2:${port}/`],
    ['the same as a number', (port: number) => `https://2130706434:${port}/`],
    ['the same in IPv6', (port: number) => `https://[::ffff:127.0.0.2]:${port}/`],
    ['IPv6 loopback', (port: number) => `https://[::1]:${port}/`],
    ['every address of this machine', (port: number) => `https://0.0.0.0:${port}/`],
    ['the address of cloud metadata', () => 'https://169.254.169.254/latest/meta-data'],
    ['a private address', () => 'https://10.255.255.1/'],
  ])('to %s is not followed (attack 51)', async (_what, urlOf) => {
    expect(await statusUnder({ redirect: urlOf(storage.port) })).toBe(404)
    expect(storage.requests).toEqual([])
  })

  test.each([
    ['to http', ({ port }: FakeUpstream) => `http://127.0.0.1:${port}/`],
    ['with a user', ({ port }: FakeUpstream) => `https://a:b@127.0.0.1:${port}/`],
    ['to another protocol', () => 'file:///etc/passwd'],
    ['to a socket', () => 'unix:/run/docker.sock'],
  ])('%s is not followed (attack 52)', async (_what, urlOf) => {
    expect(await statusUnder({ redirect: urlOf(hub) })).toBe(404)
    expect(hub.requests.filter(({ kind }) => kind === 'other')).toEqual([])
  })

  test('with raw line breaks in Location gets no header of its own through (attack 52)', async () => {
    const raw = `HTTP/1.1 307 Found\r\nLocation: ${hub.url}/x\r\n y\r\nContent-Length: 0\r\n\r\n`
    expect(await statusUnder({ raw })).toBe(404)
  })

  test('again and again is left after five times (attack 52)', async () => {
    expect(await statusUnder({ redirect: ({ target }) => `${hub.url}${target}` })).toBe(404)
    const asked = hub.requests.filter(
      ({ kind, method, status }) => kind === 'blob' && method === 'GET' && status === 307,
    )
    expect(asked.length).toBeLessThanOrEqual(2 * 6)
  })
})

describe('an upstream that sends on to another host', () => {
  test('gives the blob from there, where nobody sees the token (attack 50)', async () => {
    const storage = await FakeUpstream.start({ address: '127.0.0.2' })
    const hub = await FakeUpstream.start({ auth: 'bearer', ...USERS })
    const mirror = await startMirror({ upstreams: [{ host: HUB, at: hub, ...LOGIN }] })
    try {
      const image = makeImage()
      for (const upstream of [hub, storage]) upstream.hold('org/img', image, 'v1')
      hub.fail({ on: 'blob', how: { redirect: (seen) => storage.elsewhere(seen) } })
      await pullImage(mirror.mirror, ['org/img', 'v1'], image)
      expect(storage.count({ kind: 'elsewhere', status: 200 })).toBe(image.blobs.length)
      for (const { headers } of storage.requests) expect(headers).not.toHaveProperty('authorization')
    } finally {
      await mirror.remove()
      await hub.close()
      await storage.close()
    }
  })
})
