import { afterEach, describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import type { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeArtifact, makeImage, makeIndex } from '../support/images.js'
import { expectStatus } from '../support/registry-client.js'
import { type Download, download } from './download.js'
import { getManifest, pullImage } from './pulls.js'
import { useScene } from './scene.js'

const HUB = 'docker.io'
const MIB = 1024 * 1024
/** So much of a blob waits for its digest (design §5). */
const TAIL_BYTES = 64 * 1024

interface Layer {
  readonly repository: string
  readonly digest: string
  readonly target: string
  readonly bytes: Buffer
}

describe('what a mirror fetches', () => {
  const scene = useScene({ hosts: { [HUB]: { upstream: { auth: 'bearer' } } } })
  let images = 0

  afterEach(() => {
    const { [HUB]: hub } = scene.upstreams
    hub.heal()
    hub.latencyMs = 0
    hub.bytesPerSecond = Number.POSITIVE_INFINITY
  })

  function hub(): FakeUpstream {
    return scene.upstreams[HUB]
  }
  /** An image of its own for a test, in a repository of its own. */
  function hold(
    layers = 1,
    layerSizeBytes = 2 * MIB,
  ): { readonly repository: string; readonly image: Image } {
    const repository = `fetched/r${++images}`
    const image = makeImage({ layers, layerSizeBytes })
    hub().hold(repository, image, 'v1')
    return { repository, image }
  }
  /** The layer of an image whose manifest the mirror has already. */
  async function holdLayer(sizeBytes = 2 * MIB): Promise<Layer> {
    const { repository, image } = hold(1, sizeBytes)
    expectStatus(await getManifest(scene.mirror.mirror, repository, 'v1'), 200)
    const { bytes, descriptor } = image.blobs[1] ?? image.manifest
    const { digest } = descriptor
    return { repository, digest, target: `/v2/${repository}/blobs/${digest}`, bytes }
  }
  function start(target: string, headers = {}): Promise<Download> {
    return download(scene.mirror.mirrorPort, target, headers)
  }
  async function whole(client: Promise<Download>): Promise<Buffer> {
    const { status, ended, received } = await client
    expect([status, await ended]).toEqual([200, 'whole'])
    return received()
  }
  /** Downloads of a blob that the upstream was asked for, with a token. */
  function fetches({ digest }: Pick<Layer, 'digest'>): readonly (string | undefined)[] {
    return hub()
      .requests.filter((seen) => seen.kind === 'blob' && seen.method === 'GET' && seen.reference === digest)
      .filter(({ status }) => status !== 401)
      .map(({ range }) => range)
  }

  test('it fetches once for 32 cold clients, with one token for the repository', async () => {
    const { repository, image } = hold(3, MIB)
    hub().latencyMs = 40
    hub().bytesPerSecond = 20 * MIB
    hub().requests = []
    hub().blobBytes = 0
    const clients = Array.from({ length: 32 }, () => scene.mirror.connect())
    await Promise.all(clients.map((client) => pullImage(client, [repository, 'v1'], image)))
    for (const { descriptor } of image.blobs) expect(fetches(descriptor)).toEqual([undefined])
    expect(hub().count({ kind: 'manifest', method: 'GET', status: 200 })).toBe(1)
    expect(hub().count({ kind: 'manifest', method: 'HEAD', status: 200 })).toBeLessThanOrEqual(1)
    expect(hub().count({ kind: 'blob', method: 'HEAD', status: 200 })).toBe(0)
    expect(hub().tokens.issued.get(`repository:${repository}:pull`)).toBe(1)
    const sizes = image.blobs.map(({ descriptor }) => descriptor.size)
    expect(hub().blobBytes).toBe(sizes.reduce((total, size) => total + size, 0))
  })

  test('it asks for nothing that it has', async () => {
    const { repository, image } = hold()
    await pullImage(scene.mirror.mirror, [repository, 'v1'], image)
    hub().requests = []
    await pullImage(scene.mirror.mirror, [repository, 'v1'], image)
    await pullImage(scene.mirror.mirror, [repository, image.manifest.descriptor.digest], image)
    expect(hub().requests).toEqual([])
  })

  test('a range from the middle comes out of the download that runs', async () => {
    const layer = await holdLayer()
    hub().bytesPerSecond = 4 * MIB
    const first = start(layer.target)
    await (await first).until(1000)
    const middle = await start(layer.target, { range: 'bytes=1000000-1000099' })
    const rest = await start(layer.target, { range: 'bytes=2000000-' })
    expect(await middle.ended).toBe('whole')
    expect([middle.status, middle.received()]).toEqual([206, layer.bytes.subarray(1_000_000, 1_000_100)])
    expect(middle.headers['content-range']).toBe(`bytes 1000000-1000099/${layer.bytes.length}`)
    expect(await rest.ended).toBe('whole')
    expect([rest.status, rest.received()]).toEqual([206, layer.bytes.subarray(2_000_000)])
    expect((await whole(first)).equals(layer.bytes)).toBe(true)
    expect(fetches(layer)).toEqual([undefined])
  })

  test('a range of a blob that nobody has asked for yet is right too', async () => {
    const layer = await holdLayer()
    const middle = await start(layer.target, { range: 'bytes=1000000-1000099' })
    expect(await middle.ended).toBe('whole')
    expect([middle.status, middle.received()]).toEqual([206, layer.bytes.subarray(1_000_000, 1_000_100)])
    expect((await whole(start(layer.target))).equals(layer.bytes)).toBe(true)
    expect(fetches(layer)).toEqual([undefined])
  })

  test('a client reads the first bytes while the last ones are still upstream', async () => {
    const layer = await holdLayer()
    const resume = hub().fail({ on: 'blob', times: 1, how: { stallAfter: MIB } })
    const client = await start(layer.target)
    await client.until(MIB - TAIL_BYTES)
    expect(client.headers['content-length']).toBe(String(layer.bytes.length))
    resume()
    client.leave()
  })

  test('the last bytes wait until the digest is right', async () => {
    const layer = await holdLayer()
    hub().fail({ on: 'blob', times: 1, how: { stallAfter: layer.bytes.length - 1 } })
    const client = await start(layer.target)
    await client.until(layer.bytes.length - 4 * TAIL_BYTES)
    expect(client.received().length).toBeLessThanOrEqual(layer.bytes.length - TAIL_BYTES)
    client.leave()
  })

  test('a client that leaves ends nothing for the twenty that follow it (fault 32)', async () => {
    const layer = await holdLayer()
    hub().bytesPerSecond = 4 * MIB
    const first = await start(layer.target)
    const others = Array.from({ length: 20 }, () => start(layer.target))
    await first.until(1000)
    first.leave()
    for (const bytes of await Promise.all(others.map(whole))) expect(bytes.equals(layer.bytes)).toBe(true)
    expect(fetches(layer)).toEqual([undefined])
    hub().requests = []
    expect((await whole(start(layer.target))).equals(layer.bytes)).toBe(true)
    expect(hub().requests).toEqual([])
  })

  test('a download that everybody has left goes on when more than half is there', async () => {
    const layer = await holdLayer()
    hub().bytesPerSecond = 4 * MIB
    const only = await start(layer.target)
    await only.until(MIB + TAIL_BYTES)
    only.leave()
    const cached = (): Promise<boolean> =>
      scene.mirror.mirror.head(layer.target).then((answer) => answer.header('x-cache') === 'hit')
    await eventually('the rest is there', cached)
    expect(fetches(layer)).toEqual([undefined])
  })

  test('what was cut goes on where it was cut, and the client sees nothing of it (fault 29)', async () => {
    const layer = await holdLayer()
    hub().fail({ on: 'blob', where: { method: 'GET' }, times: 1, how: { endAfter: 500_000 } })
    hub().fail({ on: 'blob', where: { range: 'bytes=500000-' }, times: 1, how: { cutAfter: 500_000 } })
    expect((await whole(start(layer.target))).equals(layer.bytes)).toBe(true)
    const ranges = fetches(layer)
    expect(ranges.slice(0, 2)).toEqual([undefined, 'bytes=500000-'])
    expect(ranges).toHaveLength(3)
    expect(Number(/^bytes=(\d+)-$/.exec(ranges[2] ?? '')?.[1])).toBeLessThanOrEqual(1_000_000)
  })

  test('what was cut comes whole from an upstream that knows no ranges (fault 29)', async () => {
    const layer = await holdLayer()
    hub().fail({ on: 'blob', how: 'no-ranges' })
    hub().fail({ on: 'blob', times: 1, how: { cutAfter: 500_000 } })
    expect((await whole(start(layer.target))).equals(layer.bytes)).toBe(true)
  })

  test('a blob whose size the upstream does not say comes whole', async () => {
    const layer = await holdLayer()
    hub().fail({ on: 'blob', how: 'no-length' })
    expect((await whole(start(layer.target))).equals(layer.bytes)).toBe(true)
  })

  test('an index is kept as it came, and only the child that is asked for is fetched (attack 31)', async () => {
    const [amd64, arm64] = [makeImage(), makeImage()]
    const index = makeIndex([amd64.manifest, arm64.manifest])
    hub().hold('sparse/app', amd64)
    hub().hold('sparse/app', arm64)
    hub().holdManifest('sparse/app', index, 'v1')
    const { mirror } = scene.mirror
    expect(expectStatus(await getManifest(mirror, 'sparse/app', 'v1'), 200).body).toEqual(index.bytes)
    await pullImage(mirror, ['sparse/app', amd64.manifest.descriptor.digest], amd64)
    expect(hub().count({ reference: arm64.manifest.descriptor.digest })).toBe(0)
    for (const { descriptor } of arm64.blobs) expect(fetches(descriptor)).toEqual([])
  })

  test('who refers to an image is asked upstream, and what refers to it can be pulled', async () => {
    const { repository, image } = hold()
    const signature = makeArtifact('application/vnd.test.signature', { subject: image.manifest.descriptor })
    hub().hold(repository, signature)
    const { mirror } = scene.mirror
    await pullImage(mirror, [repository, 'v1'], image)
    const listed = await mirror.get(`/v2/${repository}/referrers/${image.manifest.descriptor.digest}`)
    const { manifests } = listed.json() as { readonly manifests: readonly { readonly digest: string }[] }
    expect(manifests.map(({ digest }) => digest)).toEqual([signature.manifest.descriptor.digest])
    await pullImage(mirror, [repository, signature.manifest.descriptor.digest], signature)
  })

  test('a blob is served only where a manifest or the upstream says that it belongs', async () => {
    const layer = await holdLayer()
    const other = await holdLayer()
    expect((await whole(start(layer.target))).equals(layer.bytes)).toBe(true)
    const elsewhere = await start(`/v2/${other.repository}/blobs/${layer.digest}`)
    expect(elsewhere.status).toBe(404)
  })

  test('HEAD of a blob that is not here says its size without fetching it', async () => {
    const layer = await holdLayer()
    const answer = await scene.mirror.mirror.head(layer.target)
    expect([answer.status, answer.header('content-length')]).toEqual([200, String(layer.bytes.length)])
    expect(fetches(layer)).toEqual([])
  })

  test('a thousand misses of one blob are one download (attack 61)', async () => {
    const layer = await holdLayer(200_000)
    hub().latencyMs = 500
    const clients = Array.from({ length: 1000 }, () => start(layer.target))
    for (const bytes of await Promise.all(clients.map(whole))) expect(bytes.equals(layer.bytes)).toBe(true)
    expect(fetches(layer)).toEqual([undefined])
  })
})

describe('an upstream of two connections', () => {
  const scene = useScene({ hosts: { [HUB]: { settings: { maxConnections: 2 } } } })

  test('is never asked for more than two blobs at once, and all come', async () => {
    const { [HUB]: hub } = scene.upstreams
    const image = makeImage({ layers: 8, layerSizeBytes: 300_000 })
    hub.hold('many/layers', image, 'v1')
    hub.bytesPerSecond = 2 * MIB
    expectStatus(await getManifest(scene.mirror.mirror, 'many/layers', 'v1'), 200)
    const targets = image.blobs.map(({ descriptor }) => `/v2/many/layers/blobs/${descriptor.digest}`)
    const answers = await Promise.all(targets.map((target) => download(scene.mirror.mirrorPort, target)))
    for (const { ended } of answers) expect(await ended).toBe('whole')
    expect(hub.peakDownloads).toBe(2)
  })
})

describe('an upstream with two addresses', () => {
  const scene = useScene({
    hosts: {
      [HUB]: {
        settings: ({ [HUB]: hub, 'second.example': second }) => ({ urls: [hub.url, second.url] }),
      },
      'second.example': {},
    },
  })

  test('is asked at the second one for what the first one breaks off', async () => {
    const { [HUB]: hub, 'second.example': second } = scene.upstreams
    const image = makeImage({ layers: 1, layerSizeBytes: MIB })
    for (const upstream of [hub, second]) upstream.hold('org/img', image, 'v1')
    hub.fail({ on: 'blob', how: { cutAfter: 300_000 } })
    await pullImage(scene.mirror.mirror, ['org/img', 'v1'], image)
    expect(second.count({ kind: 'blob', range: 'bytes=300000-' })).toBeLessThanOrEqual(1)
    expect(second.count({ kind: 'blob' })).toBeGreaterThan(0)
  })

  test('is asked at the second one when the first one is gone', async () => {
    const { [HUB]: hub, 'second.example': second } = scene.upstreams
    const image = makeImage()
    second.hold('org/other', image, 'v1')
    await hub.down()
    expect(await pullImage(scene.mirror.mirror, ['org/other', 'v1'], image)).toMatchObject({ origin: HUB })
  })
})
