import { beforeAll, describe, expect, test } from '@jest/globals'

import { absentDigest, makeImage } from '../support/images.js'
import { errorOf, getManifest, pullImage } from './pulls.js'
import { useScene } from './scene.js'

const HUB = 'docker.io'
const QUAY = 'quay.io'

describe('a mirror of two upstreams', () => {
  const scene = useScene({ hosts: { [HUB]: {}, [QUAY]: {} } })
  const alpine = makeImage()
  const app = makeImage()
  const namesake = makeImage()

  beforeAll(() => {
    const { [HUB]: hub, [QUAY]: quay } = scene.upstreams
    hub.hold('library/alpine', alpine, '3.20')
    hub.hold('org/img', namesake, 'v1')
    quay.hold('org/img', app, 'v1')
  })

  test('is asked by prefix on the registry view, and says where an answer came from', async () => {
    const { registry } = scene.mirror
    const first = await pullImage(registry, ['docker.io/library/alpine', '3.20'], alpine)
    expect(first).toMatchObject({ cache: ['miss', 'miss', 'miss', 'miss'], origin: HUB })
    const second = await pullImage(registry, ['docker.io/library/alpine', '3.20'], alpine)
    expect(second).toMatchObject({ cache: ['hit', 'hit', 'hit', 'hit'], origin: HUB, warning: undefined })
    expect(await pullImage(registry, ['quay.io/org/img', 'v1'], app)).toMatchObject({ origin: QUAY })
  })

  test.each(['alpine', 'library/alpine'])(
    'means the same image of Docker Hub by docker.io/%s',
    async (name) => {
      const { registry, mirror } = scene.mirror
      await pullImage(registry, [`docker.io/${name}`, '3.20'], alpine)
      await pullImage(mirror, [name, '3.20'], alpine)
      await pullImage(mirror, [name, '3.20'], alpine, { query: '?ns=docker.io' })
    },
  )

  test('takes a bare name on the mirror view for the default upstream', async () => {
    expect(await pullImage(scene.mirror.mirror, ['org/img', 'v1'], namesake)).toMatchObject({ origin: HUB })
  })

  test('is asked by prefix on the mirror view too', async () => {
    expect(await pullImage(scene.mirror.mirror, ['quay.io/org/img', 'v1'], app)).toMatchObject({
      origin: QUAY,
    })
  })

  test.each(['registry', 'mirror'] as const)(
    'is asked by ?ns= on the %s view, and echoes it',
    async (view) => {
      const client = scene.mirror[view]
      await pullImage(client, ['org/img', 'v1'], app, { query: '?ns=quay.io' })
      const answer = await getManifest(client, 'org/img', 'v1', { query: '?ns=quay.io' })
      expect(answer.header('oci-namespace')).toBe(QUAY)
      expect(answer.header('x-entrepot-origin')).toBe(QUAY)
    },
  )

  test('takes prefix and ns at once for one and the same', async () => {
    await pullImage(scene.mirror.mirror, ['quay.io/org/img', 'v1'], app, { query: '?ns=quay.io' })
    await pullImage(scene.mirror.registry, ['quay.io/org/img', 'v1'], app, { query: '?ns=quay.io' })
  })

  test.each(['docker.io', 'index.docker.io', 'registry-1.docker.io'])(
    'knows Docker Hub as %s',
    async (ns) => {
      await pullImage(scene.mirror.mirror, ['library/alpine', '3.20'], alpine, { query: `?ns=${ns}` })
      await pullImage(scene.mirror.registry, [`${ns}/library/alpine`, '3.20'], alpine)
    },
  )

  test('takes the Host of an upstream for that upstream, and any other for nothing', async () => {
    const asQuay = scene.mirror.connect({ headers: { host: 'quay.io' } })
    expect(await pullImage(asQuay, ['org/img', 'v1'], app)).toMatchObject({ origin: QUAY })
    const asStranger = scene.mirror.connect({ headers: { host: 'registry.example' } })
    expect(await pullImage(asStranger, ['org/img', 'v1'], namesake)).toMatchObject({ origin: HUB })
  })

  test('answers 404 for an unknown ns, and for one that is not the upstream of the prefix (attack 55)', async () => {
    const { mirror, registry } = scene.mirror
    const before = scene.upstreams[HUB].count() + scene.upstreams[QUAY].count()
    for (const client of [mirror, registry]) {
      for (const ns of ['ghcr.io', '127.0.0.1', 'quay.io.evil.example', '..', 'quay.io%2F..']) {
        const answer = await getManifest(client, 'org/img', 'v1', { query: `?ns=${ns}` })
        expect([ns, answer.status >= 400 && answer.status < 500]).toEqual([ns, true])
      }
      expect((await getManifest(client, 'org/img', 'v1', { query: '?ns=ghcr.io' })).status).toBe(404)
      expect((await getManifest(client, 'quay.io/org/img', 'v1', { query: '?ns=docker.io' })).status).toBe(
        404,
      )
    }
    expect(scene.upstreams[QUAY].count() + scene.upstreams[HUB].count() - before).toBeLessThanOrEqual(4)
  })

  test('never mixes equal names of two upstreams, nor shows the digests of one under another (attack 55)', async () => {
    const { mirror, registry } = scene.mirror
    const ofHub = namesake.blobs[1]?.descriptor.digest ?? absentDigest()
    await pullImage(mirror, ['org/img', 'v1'], namesake)
    await pullImage(mirror, ['org/img', 'v1'], app, { query: '?ns=quay.io' })
    for (const target of [
      `quay.io/org/img/blobs/${ofHub}`,
      `quay.io/org/img/manifests/${namesake.manifest.descriptor.digest}`,
      `docker.io/library/alpine/blobs/${ofHub}`,
    ]) {
      expect([target, (await registry.get(`/v2/${target}`)).status]).toEqual([target, 404])
      expect([target, (await mirror.head(`/v2/${target}`)).status]).toEqual([target, 404])
    }
    await registry.pushImage('team/app', makeImage(), 'v1')
    expect((await registry.get(`/v2/team/app/blobs/${ofHub}`)).status).toBe(404)
    expect((await registry.get(`/v2/org/img/blobs/${ofHub}`)).status).toBe(404)
  })

  test('refuses pushes and deletes in a mirrored name, and says where to push (attack 57)', async () => {
    const { mirror, registry } = scene.mirror
    const image = makeImage()
    const { digest } = alpine.manifest.descriptor
    await pullImage(registry, ['docker.io/library/alpine', '3.20'], alpine)
    const answers = [
      await registry.post('/v2/docker.io/library/alpine/blobs/uploads/'),
      await registry.putManifest('quay.io/org/new', 'v1', image.manifest),
      await registry.delete('/v2/docker.io/library/alpine/manifests/3.20'),
      await registry.delete(`/v2/docker.io/library/alpine/manifests/${digest}`),
      await registry.post('/v2/org/img/blobs/uploads/?ns=quay.io'),
      await mirror.post('/v2/quay.io/org/img/blobs/uploads/'),
    ]
    for (const answer of answers) {
      expect([answer.call.target, answer.status]).toEqual([answer.call.target, 405])
      expect(errorOf(answer).code).toBe('UNSUPPORTED')
      expect(errorOf(answer).message).toMatch(/push/i)
    }
    await pullImage(registry, ['docker.io/library/alpine', '3.20'], alpine)
  })

  test('answers for the API at once', async () => {
    for (const client of [scene.mirror.mirror, scene.mirror.registry]) {
      const answer = await client.get('/v2/')
      expect(answer.status).toBe(200)
      expect(answer.json()).toEqual({})
    }
  })

  test('lists what clients of a view can pull, under the names they use', async () => {
    const { mirror, registry } = scene.mirror
    await registry.pushImage('team/app', makeImage(), 'v1')
    await pullImage(mirror, ['library/alpine', '3.20'], alpine)
    await pullImage(mirror, ['quay.io/org/img', 'v1'], app)
    const namesOf = async (client: typeof mirror): Promise<readonly string[]> =>
      ((await client.get('/v2/_catalog')).json() as { repositories: readonly string[] }).repositories
    expect(await namesOf(mirror)).toEqual(
      expect.arrayContaining(['library/alpine', 'quay.io/org/img', 'team/app']),
    )
    expect(await namesOf(registry)).toEqual(expect.arrayContaining(['quay.io/org/img', 'team/app']))
    const asQuay = scene.mirror.connect({ headers: { host: 'quay.io' } })
    expect(await namesOf(asQuay)).toEqual(['org/img'])
  })

  test('lists tags as the upstream does', async () => {
    const { [QUAY]: quay } = scene.upstreams
    for (const tag of ['v2', 'v3']) quay.hold('org/img', app, tag)
    const listed = await scene.mirror.registry.get('/v2/quay.io/org/img/tags/list')
    expect(listed.json()).toEqual({ name: 'quay.io/org/img', tags: ['v1', 'v2', 'v3'] })
    const bare = await scene.mirror.mirror.get('/v2/org/img/tags/list?ns=quay.io&n=2')
    expect(bare.json()).toEqual({ name: 'org/img', tags: ['v1', 'v2'] })
    const missing = await scene.mirror.mirror.get('/v2/org/nothing/tags/list?ns=quay.io')
    expect(missing.status).toBe(404)
  })
})
