import { describe, expect, test } from '@jest/globals'

import { RESTRICTED, passwordOf } from '../support/accounts.js'
import { makeImage } from '../support/images.js'
import { watchMemory } from '../support/memory.js'
import { expectStatus } from '../support/registry-client.js'
import { download } from './download.js'
import { getManifest, pullImage } from './pulls.js'
import { useScene } from './scene.js'

const HUB = 'docker.io'
const MIB = 1024 * 1024

describe('a client that asks for odd ranges', () => {
  const scene = useScene({ hosts: { [HUB]: {} } })
  const many = Array.from({ length: 10_000 }, (_, at) => `${at * 2}-${at * 2}`).join(',')
  const RANGES: readonly (readonly [string, string, readonly number[]])[] = [
    ['past the end', 'bytes=9999999-', [416]],
    ['that begin before their end', 'bytes=20-10', [200, 416]],
    ['that overlap', 'bytes=0-100,50-150', [200, 206, 416]],
    ['of the last bytes', 'bytes=-100', [200, 206]],
    ['of numbers without end', `bytes=5-${'9'.repeat(30)}`, [200, 206, 416]],
    ['of other units', 'lines=1-2', [200]],
    ['in ten thousand parts', `bytes=${many}`, [200, 206, 400, 416, 431]],
  ]

  test.each(RANGES)(
    '%s is answered as by a local blob, cached or not (attack 23)',
    async (what, range, statuses) => {
      const { [HUB]: hub } = scene.upstreams
      const name = `odd/${what.replaceAll(/\W/g, '')}`
      const image = makeImage({ layers: 1, layerSizeBytes: 300_000 })
      hub.hold(name, image, 'v1')
      expectStatus(await getManifest(scene.mirror.mirror, name, 'v1'), 200)
      const layer = image.blobs[1] ?? image.manifest
      const target = `/v2/${name}/blobs/${layer.descriptor.digest}`
      const ask = async (): Promise<number> => {
        const { status, headers, ended, received } = await download(scene.mirror.mirrorPort, target, {
          range,
        })
        expect(await ended).toBe('whole')
        expect(headers['content-type']).not.toMatch(/multipart/)
        const [, from, to] = /^bytes (\d+)-(\d+)\//.exec(headers['content-range'] ?? '') ?? []
        const wanted = status === 206 ? layer.bytes.subarray(Number(from), Number(to) + 1) : layer.bytes
        expect(status >= 300 || received().equals(wanted)).toBe(true)
        return status
      }
      expect(statuses).toContain(await ask())
      await pullImage(scene.mirror.mirror, [name, 'v1'], image)
      expect(statuses).toContain(await ask())
    },
  )
})

describe('a client that makes up names', () => {
  const scene = useScene({ hosts: { [HUB]: {} } })
  const REQUESTS = process.env['CI'] === 'true' ? 20_000 : 5000 // npm test keeps to ten minutes
  /** So many refusals are remembered, for so long: more is asked of nobody. */
  const [REMEMBERED, SECONDS] = [2000, 10]

  /** Asks for so many names that nobody has; answers the statuses. */
  async function makeUpNames(): Promise<readonly number[]> {
    const statuses = new Set<number>()
    let left = REQUESTS
    const ask = async (): Promise<void> => {
      while (left-- > 0) {
        const name = `made/up${left % 1000}/manifests/t${performance.now()}-${'x'.repeat(80)}`
        statuses.add((await scene.mirror.mirror.head(`/v2/${name}`)).status)
      }
    }
    await Promise.all(Array.from({ length: 50 }, ask))
    return [...statuses]
  }

  test('costs bounded requests upstream and bounded memory (attack 61)', async () => {
    const start = performance.now()
    expect(await makeUpNames()).toEqual([404])
    const watch = watchMemory(scene.mirror.core.process.pid) // from here on it is what it is under such a load
    expect(await makeUpNames()).toEqual([404])
    const seconds = (performance.now() - start) / 1000
    const bound = REMEMBERED * (1 + Math.ceil(seconds / SECONDS)) + 50
    expect(scene.upstreams[HUB].count()).toBeLessThanOrEqual(2 * bound)
    expect(watch.peakMiB() - watch.beforeMiB).toBeLessThan(64)
  }, 180_000)

  test('asks once for a name that the upstream does not have', async () => {
    const { [HUB]: hub } = scene.upstreams
    await scene.mirror.restart()
    hub.requests = []
    const client = scene.mirror.connect()
    for (let again = 0; again < 10; again++)
      expect((await getManifest(client, 'missing/img', 'v1')).status).toBe(404)
    expect(hub.count({ repository: 'missing/img' })).toBeLessThanOrEqual(2) // a HEAD and a GET
  })
})

describe('what only our account at the upstream may see', () => {
  const upstream = { auth: 'bearer', users: { me: 'secret' }, privateRepositories: ['acme'] } as const
  const login = { username: 'me', password: 'secret' }
  const scene = useScene({
    hosts: {
      [HUB]: { upstream, settings: login },
      'all.example': { upstream, settings: { ...login, expose: 'all' } },
      'public.example': { upstream, settings: { ...login, expose: 'public' } },
    },
    config: { access: { ...RESTRICTED.access, anonymous: 'pull' } },
  })

  test('is served to accounts that may pull it, and does not exist for others, cached or not (attack 60)', async () => {
    const [image, open] = [makeImage(), makeImage()]
    scene.upstreams[HUB].hold('acme/app', image, 'v1')
    scene.upstreams[HUB].hold('open/app', open, 'v1')
    const anonymous = scene.mirror.mirror
    const blob = `/v2/acme/app/blobs/${image.blobs[1]?.descriptor.digest}`
    expect((await getManifest(anonymous, 'acme/app', 'v1')).status).toBe(404)
    const owner = scene.mirror.connect({ headers: passwordOf('owner') })
    await pullImage(owner, ['acme/app', 'v1'], image)
    for (const reference of ['v1', image.manifest.descriptor.digest]) {
      const answer = await getManifest(anonymous, 'acme/app', reference)
      expect(answer.status).toBe(404)
      expect(answer.header('www-authenticate') ?? '').not.toMatch(/^Basic/)
    }
    expect((await anonymous.head(blob)).status).toBe(404)
    expect((await anonymous.get(blob)).status).toBe(404)
    const idle = scene.mirror.connect({ headers: passwordOf('idle') }) // has no right of its own
    expect((await idle.get(blob)).status).toBe(404)
    await pullImage(anonymous, ['open/app', 'v1'], open)
  })

  test('is served to everybody or nobody where the settings say so (attack 60)', async () => {
    const image = makeImage()
    const { registry } = scene.mirror
    for (const host of ['all.example', 'public.example'] as const)
      scene.upstreams[host].hold('acme/app', image, 'v1')
    await pullImage(registry, ['all.example/acme/app', 'v1'], image)
    expect((await getManifest(registry, 'public.example/acme/app', 'v1')).status).toBe(404)
    const owner = scene.mirror.connect({ headers: passwordOf('owner') })
    expect((await getManifest(owner, 'public.example/acme/app', 'v1')).status).toBe(404)
  })

  test('a password that is not ours makes a client anonymous, and stands in no log', async () => {
    const open = makeImage()
    scene.upstreams[HUB].hold('open/other', open, 'v1')
    const secret = 'hub-password-canary-55'
    const stranger = scene.mirror.connect({ headers: passwordOf('somebody', secret) })
    await pullImage(stranger, ['open/other', 'v1'], open)
    const log = scene.mirror.core.process.log()
    expect(log).not.toContain(secret)
    expect(log).not.toContain(Buffer.from(`somebody:${secret}`).toString('base64'))
    const heard = JSON.stringify(scene.upstreams[HUB].requests.map(({ headers }) => headers))
    expect(heard).not.toContain(Buffer.from(`somebody:${secret}`).toString('base64'))
  })
})

describe('clients that come and go', () => {
  const scene = useScene({ hosts: { [HUB]: { settings: { maxConnections: 4 } } } })

  test('leave no connection to the upstream behind, whatever became of it (fault 33)', async () => {
    const { [HUB]: hub } = scene.upstreams
    const image = makeImage({ layers: 24, layerSizeBytes: MIB })
    hub.hold('come/go', image, 'v1')
    expectStatus(await getManifest(scene.mirror.mirror, 'come/go', 'v1'), 200)
    hub.fail({ on: 'blob', times: 8, how: { stallAfter: 200_000 } })
    hub.fail({ on: 'blob', times: 8, how: { cutAfter: 100_000 } })
    const targets = image.blobs.map(({ descriptor }) => `/v2/come/go/blobs/${descriptor.digest}`)
    const clients = await Promise.allSettled(
      targets.map(async (target) => {
        const client = await download(scene.mirror.mirrorPort, target)
        client.leave()
      }),
    )
    expect(clients.length).toBe(targets.length)
    hub.heal()
    await pullImage(scene.mirror.connect(), ['come/go', 'v1'], image)
    expect(hub.peakDownloads).toBeLessThanOrEqual(4)
  }, 120_000)
})

describe('a mirror whose disk is full', () => {
  const scene = useScene({ hosts: { [HUB]: {} }, config: { store: { reserve: '900000g' } } })

  test('passes everything on, and keeps nothing (fault 10)', async () => {
    const { [HUB]: hub } = scene.upstreams
    const image = makeImage({ layers: 2, layerSizeBytes: MIB })
    hub.hold('full/disk', image, 'v1')
    for (let again = 0; again < 2; again++) await pullImage(scene.mirror.mirror, ['full/disk', 'v1'], image)
    for (const { descriptor } of image.blobs)
      expect(hub.count({ reference: descriptor.digest, method: 'GET' })).toBe(2)
  })
})
