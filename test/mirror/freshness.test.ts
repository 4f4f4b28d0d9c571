import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import type { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import { expectStatus } from '../support/registry-client.js'
import { getManifest, pullImage } from './pulls.js'
import { useScene } from './scene.js'

const [HUB, FRESH] = ['docker.io', 'fresh.example'] as const

describe('a tag', () => {
  const rules = [{ repository: 'kept/*', freshFor: '1h' }, { freshFor: '0s' }]
  const scene = useScene({
    hosts: { [HUB]: { settings: { freshFor: rules } }, [FRESH]: { settings: { freshFor: '1h' } } },
  })
  let images = 0
  let repository: string
  let image: Image

  beforeEach(() => {
    repository = `fresh/r${++images}`
    image = makeImage()
    hub().hold(repository, image, 'v1')
  })
  afterEach(() => {
    hub().heal()
    hub().latencyMs = 0
  })
  function hub(): FakeUpstream {
    return scene.upstreams[HUB]
  }

  test('is not asked for again while it is fresh', async () => {
    const { [FRESH]: fresh } = scene.upstreams
    fresh.hold('org/img', image, 'v1')
    await pullImage(scene.mirror.registry, [`${FRESH}/org/img`, 'v1'], image)
    fresh.requests = []
    fresh.hold('org/img', makeImage(), 'v1')
    const { cache } = await pullImage(scene.mirror.registry, [`${FRESH}/org/img`, 'v1'], image)
    expect(cache).toEqual(['hit', 'hit', 'hit', 'hit'])
    expect(fresh.requests).toEqual([])
  })

  test('is fresh as long as the rule for its repository says', async () => {
    hub().hold('kept/img', image, 'v1')
    await pullImage(scene.mirror.mirror, ['kept/img', 'v1'], image)
    hub().requests = []
    await pullImage(scene.mirror.mirror, ['kept/img', 'v1'], image)
    expect(hub().requests).toEqual([])
  })

  test('costs one HEAD afterwards, and no GET while it stands for the same', async () => {
    const { mirror } = scene.mirror
    await pullImage(mirror, [repository, 'v1'], image)
    hub().requests = []
    const again = await pullImage(mirror, [repository, 'v1'], image)
    expect(again).toMatchObject({ warning: undefined })
    expect(hub().requests.map(({ method, kind }) => [method, kind])).toEqual([['HEAD', 'manifest']])
  })

  test('costs a GET when the upstream has moved it, and then stands for the new one', async () => {
    const { mirror } = scene.mirror
    await pullImage(mirror, [repository, 'v1'], image)
    const moved = makeImage()
    hub().hold(repository, moved, 'v1')
    hub().requests = []
    await pullImage(mirror, [repository, 'v1'], moved)
    expect(hub().count({ kind: 'manifest', method: 'HEAD' })).toBe(1)
    expect(hub().count({ kind: 'manifest', method: 'GET' })).toBe(1)
    await pullImage(mirror, [repository, image.manifest.descriptor.digest], image)
  })

  test('is asked for once, however many clients want it', async () => {
    await pullImage(scene.mirror.mirror, [repository, 'v1'], image)
    hub().requests = []
    hub().latencyMs = 300
    const clients = Array.from({ length: 20 }, () => scene.mirror.connect())
    const answers = await Promise.all(clients.map((client) => getManifest(client, repository, 'v1')))
    for (const answer of answers) expectStatus(answer, 200)
    expect(hub().count({ kind: 'manifest' })).toBe(1)
  })

  test('that moves in the middle of a pull leaves the old image whole (fault 31)', async () => {
    const moved = makeImage()
    hub().fail({
      on: 'manifest',
      times: 1,
      how: { afterwards: () => hub().hold(repository, moved, 'v1') },
    })
    await pullImage(scene.mirror.mirror, [repository, 'v1'], image)
    await pullImage(scene.mirror.mirror, [repository, 'v1'], moved)
  })

  test('of an upstream that cannot do HEAD is asked for by GET', async () => {
    hub().fail({ on: 'manifest', where: { method: 'HEAD' }, how: { status: 405 } })
    await pullImage(scene.mirror.mirror, [repository, 'v1'], image)
    const moved = makeImage()
    hub().hold(repository, moved, 'v1')
    await pullImage(scene.mirror.mirror, [repository, 'v1'], moved)
  })

  test('of an upstream that names no digest is asked for by GET', async () => {
    hub().fail({ on: 'manifest', how: 'no-digest-header' })
    await pullImage(scene.mirror.mirror, [repository, 'v1'], image)
    const moved = makeImage()
    hub().hold(repository, moved, 'v1')
    await pullImage(scene.mirror.mirror, [repository, 'v1'], moved)
  })

  test('is served as it is while the upstream has little left to give', async () => {
    await pullImage(scene.mirror.mirror, [repository, 'v1'], image)
    const limit = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '2;w=21600' }
    hub().fail({ on: 'manifest', how: { headers: limit } })
    await pullImage(scene.mirror.mirror, [repository, 'v1'], image)
    hub().requests = []
    await pullImage(scene.mirror.mirror, [repository, 'v1'], image)
    expect(hub().requests).toEqual([])
  })
})
