import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { makeCertificates, signCertificate, signExpiredCertificate } from '../support/certificates.js'
import { openDeafPort } from '../support/deaf-port.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { makeImage } from '../support/images.js'
import { freePort } from '../support/processes.js'
import { IMAGES, type Outage, playOutages, type Seen } from './drill.js'
import { getManifest, pullImage } from './pulls.js'
import { openScene } from './scene.js'

const BEARER = { auth: 'bearer' } as const
const DRILL_MS = 120_000
/** A client waits 2 s for an upstream when something is cached, and 5 s when nothing is; the rest is this machine. */
const PATIENCE_MS = { cached: 2000 + 3000, notCached: 5000 + 5000 }

const ONES_THAT_ANSWER: readonly Outage[] = [
  ...[401, 403, 404, 429, 500, 502, 503, 504].map((status) => ({
    name: `answers ${status}`,
    faults: [{ how: { status } }],
  })),
  {
    name: 'answers 429 with Retry-After',
    faults: [{ how: { status: 429, headers: { 'retry-after': '1' } } }],
  },
  { name: 'gives no tokens (401)', upstream: BEARER, faults: [{ on: 'token', how: { status: 401 } }] },
  { name: 'gives no tokens (503)', upstream: BEARER, faults: [{ on: 'token', how: { status: 503 } }] },
  { name: 'has a token service that hangs', upstream: BEARER, faults: [{ on: 'token', how: 'hang' }] },
  { name: 'shows a login page', faults: [{ how: 'login-page' }] },
  {
    name: 'shows a login page instead of tokens',
    upstream: BEARER,
    faults: [{ on: 'token', how: 'login-page' }],
  },
  { name: 'names another digest', faults: [{ on: 'manifest', how: 'wrong-digest-header' }] },
  { name: 'sends other bytes', faults: [{ on: 'manifest', how: 'wrong-body' }] },
  { name: 'promises more than it sends', faults: [{ on: 'manifest', how: { lengthOffBy: 50 } }] },
  { name: 'promises less than it sends', faults: [{ on: 'manifest', how: { lengthOffBy: -50 } }] },
  {
    name: 'ends a manifest early',
    faults: [{ on: 'manifest', where: { method: 'GET' }, how: { endAfter: 20 } }],
  },
  { name: 'sends manifests without end', faults: [{ on: 'manifest', how: 'endless' }] },
  { name: 'packs what nobody wants packed', faults: [{ on: 'manifest', how: 'gzip' }] },
  { name: 'redirects in circles', faults: [{ how: { redirect: ({ target }) => target } }] },
  { name: 'redirects to nowhere', faults: [{ how: { redirect: '' } }] },
  { name: 'speaks no HTTP', faults: [{ how: { raw: 'SSH-2.0-OpenSSH_9.2\r\n' } }] },
]

const ONES_THAT_DO_NOT: readonly Outage[] = [
  { name: 'refuses connections', isDown: true },
  { name: 'resets connections', faults: [{ how: 'reset' }] },
  { name: 'hangs', faults: [{ how: 'hang' }] },
  { name: 'hangs with its manifests only', faults: [{ on: 'manifest', how: 'hang' }] },
  {
    name: 'stops in the middle',
    faults: [{ on: 'manifest', where: { method: 'GET' }, how: { stallAfter: 20 } }],
  },
  { name: 'sends a byte a second', faults: [{ on: 'manifest', how: { bytesPerSecond: 1 } }] },
  { name: 'answers after a minute', faults: [{ how: { delayMs: 60_000 } }] },
]

const SOME_OF_BOTH: readonly Outage[] = [
  ...[403, 429, 503].map((status) => ({ name: `answers ${status}`, faults: [{ how: { status } }] })),
  { name: 'shows a login page', faults: [{ how: 'login-page' }] },
  { name: 'has a token service that hangs', upstream: BEARER, faults: [{ on: 'token', how: 'hang' }] },
  { name: 'refuses connections', isDown: true },
  { name: 'hangs', faults: [{ how: 'hang' }] },
]

/** @param played those of which something must have been seen */
function judge(seen: readonly Seen[], played: readonly Outage[], notCached: 404 | 503): void {
  expect(played.length).toBeGreaterThan(0)
  expect(seen.map(({ name, pulls }) => [name, pulls.length])).toEqual(
    played.map(({ name }) => [name, IMAGES]),
  )
  expect(seen.flatMap(({ failed }) => failed)).toEqual([])
  const silent = seen.filter(({ pulls }) => pulls.some(({ warning }) => warning === undefined))
  expect(silent.map(({ name }) => name)).toEqual([])
  const words = seen.filter(({ pulls }) => pulls.some(({ cache: [manifest] }) => manifest !== 'stale'))
  expect(words.map(({ name }) => name)).toEqual([])
  const patient = seen.filter(({ pulls }) => pulls.some((pull) => pull.manifestMs > PATIENCE_MS.cached))
  expect(patient.map(({ name }) => name)).toEqual([])
  const otherwise = seen.filter((one) => one.notCached.some((status) => ![404, notCached].includes(status)))
  expect(otherwise.map((one) => [one.name, one.notCached])).toEqual([])
  const slow = seen.filter(({ notCachedMs }) => notCachedMs > PATIENCE_MS.notCached)
  expect(slow.map(({ name, notCachedMs }) => [name, notCachedMs])).toEqual([])
}

describe('everything that is cached is served, and what is not is answered in time, while an upstream', () => {
  test(
    'answers something else (attack 53, attack 58, attack 59)',
    async () => {
      judge(await playOutages(ONES_THAT_ANSWER), ONES_THAT_ANSWER, 404)
    },
    DRILL_MS,
  )

  test(
    'does not answer (fault 29, attack 58)',
    async () => {
      judge(await playOutages(ONES_THAT_DO_NOT), ONES_THAT_DO_NOT, 404)
    },
    DRILL_MS,
  )

  test(
    'fails, with 503 for what is missing where the settings say so (attack 58)',
    async () => {
      const seen = await playOutages(SOME_OF_BOTH, 503)
      judge(seen, SOME_OF_BOTH, 503)
      for (const { name, notCached } of seen) expect([name, notCached[0]]).toEqual([name, 503])
    },
    DRILL_MS,
  )
})

describe('everything that is cached is served after a restart, while an upstream', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const mute = net.createServer((socket) => socket.on('error', () => undefined))
  const others: FakeUpstream[] = []
  const network: Outage[] = []

  beforeAll(async () => {
    mute.listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const authority = await makeCertificates(folder)
    const servers = [
      authority,
      await signExpiredCertificate(folder, authority, ['IP:127.0.0.1']),
      await signCertificate(folder, 'misnamed', authority, ['DNS:other.example']),
    ]
    for (const tls of servers) others.push(await FakeUpstream.start({ tls }))
    const [unknown, over, misnamed] = others.map(({ url }) => url)
    const plain = await FakeUpstream.start()
    others.push(plain)
    const ca = authority.caFile
    network.push(
      { name: 'has a certificate of nobody', settings: { urls: [unknown] } },
      { name: 'has a certificate that is over', settings: { urls: [over], ca } },
      { name: 'has the certificate of another', settings: { urls: [misnamed], ca } },
      { name: 'speaks no TLS', settings: { urls: [plain.url.replace('http:', 'https:')] } },
    )
  })
  afterAll(async () => {
    mute.close()
    await Promise.all(others.map((other) => other.close()))
    rmSync(folder, { recursive: true })
  })

  test(
    'cannot be reached (fault 29)',
    async () => {
      const deaf = await openDeafPort()
      const address = mute.address()
      const mutePort = address !== null && typeof address !== 'string' ? address.port : 0
      const nobody = `127.0.0.1:${await freePort()}`
      const name = 'http://registry.example'
      try {
        const outages: readonly Outage[] = [
          { name: 'has no address', settings: { urls: ['http://no-such-host.invalid'] } },
          { name: 'has a name server that is gone', settings: { urls: [name], dns: [nobody] } },
          { name: 'takes no connection', settings: { urls: [`http://127.0.0.1:${deaf.port}`] } },
          { name: 'makes no handshake', settings: { urls: [`https://127.0.0.1:${mutePort}`] } },
          { name: 'is behind a proxy that is gone', settings: { urls: [name], proxy: `http://${nobody}` } },
          { name: 'may not be dialled', settings: { allowAddresses: [] } },
        ]
        judge(await playOutages(outages), outages, 404)
      } finally {
        await deaf.close()
      }
    },
    DRILL_MS,
  )

  test(
    'has no certificate that counts, and it is told nothing (attack 77)',
    async () => {
      judge(await playOutages(network), network, 404)
      for (const { requests } of others) expect(requests).toEqual([])
    },
    DRILL_MS,
  )
})

describe('an upstream that hangs', () => {
  test('costs a warm pull two seconds once, and then next to nothing', async () => {
    const scene = await openScene({ hosts: { 'docker.io': { settings: { freshFor: '0s' } } } })
    try {
      const image = makeImage()
      const { 'docker.io': hub } = scene.upstreams
      const { mirror } = scene.mirror
      hub.hold('org/img', image, 'v1')
      await pullImage(mirror, ['org/img', 'v1'], image)
      hub.fail({ how: 'hang' })
      const times: number[] = []
      for (let pull = 0; pull < 20; pull++)
        times.push((await pullImage(mirror, ['org/img', 'v1'], image)).manifestMs)
      expect(times.filter((ms) => ms > PATIENCE_MS.cached)).toEqual([])
      const rest = times.slice(1).sort((a, b) => a - b)
      expect(rest[9]).toBeLessThan(50) // the median: a busy machine makes some of them wait
      expect(rest.at(-1)).toBeLessThan(1500)
    } finally {
      await scene.close()
    }
  })
})

describe('with every upstream down', () => {
  test('a mirror starts, answers for the API, and says 404 for what it does not have', async () => {
    const scene = await openScene({ hosts: { 'docker.io': {}, 'quay.io': {} } })
    try {
      for (const upstream of Object.values(scene.upstreams)) await upstream.down()
      await scene.mirror.restart()
      const client = scene.mirror.connect()
      expect((await client.get('/v2/')).status).toBe(200)
      expect((await getManifest(client, 'library/alpine', 'latest')).status).toBe(404)
      expect((await getManifest(client, 'org/img', 'v1', { query: '?ns=quay.io' })).status).toBe(404)
    } finally {
      await scene.close()
    }
  })

  test('what was fetched a month ago is served still (fault 30)', async () => {
    const scene = await openScene({ hosts: { 'docker.io': {} } })
    try {
      const image = makeImage()
      scene.upstreams['docker.io'].hold('org/img', image, 'v1')
      await pullImage(scene.mirror.mirror, ['org/img', 'v1'], image)
      await scene.upstreams['docker.io'].down()
      for (const entry of readdirSync(scene.mirror.core.root, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue
        const file = path.join(entry.parentPath, entry.name)
        const monthAgo = statSync(file).mtimeMs / 1000 - 30 * 24 * 3600
        utimesSync(file, monthAgo, monthAgo)
      }
      await scene.mirror.restart()
      const { warning } = await pullImage(scene.mirror.connect(), ['org/img', 'v1'], image)
      expect(warning).toMatch(/^299 - "/)
    } finally {
      await scene.close()
    }
  })
})
