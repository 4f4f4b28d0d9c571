import { beforeEach, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import type { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import type { Mirror } from '../support/mirror.js'
import { describeNeeding } from '../support/needs.js'
import { startDockerRegistry } from '../support/targets.js'
import { useOneFolder } from './one-folder.js'
import { pullImage } from './pulls.js'

const HUB = 'docker.io'

const folder = useOneFolder()
let upstream: FakeUpstream
let image: Image

beforeEach(async () => {
  upstream = await folder.upstream()
  image = held('library/alpine', 'v1')
})

function held(repository: string, tag: string): Image {
  const made = makeImage()
  upstream.hold(repository, made, tag)
  return made
}

/** With hosts before the names. */
function withMirrors(): Promise<Mirror> {
  const upstreams = [{ host: HUB, at: upstream, freshFor: '0s' }]
  return folder.mirror({ upstreams, root: folder.root })
}

function downloads(): number {
  return upstream.count({ kind: 'blob', method: 'GET' })
}

describe('a folder that was filled with proxy and is opened with mirrors', () => {
  test.each(['library/alpine', 'grafana/grafana'])(
    'has %s from its upstream as ever: tags move, and no layer is downloaded twice',
    async (name) => {
      const first = held(name, 'v1')
      const before = await folder.serve(upstream)
      await pullImage(before.client, [name, 'v1'], first)
      await before.end()
      const { mirror } = await withMirrors()
      const loaded = downloads()
      await pullImage(mirror, [name, 'v1'], first)
      expect(downloads()).toBe(loaded)
      const [moved, added] = [held(name, 'v1'), held(name, 'v2')]
      await pullImage(mirror, [name, 'v1'], moved)
      await pullImage(mirror, [name, 'v2'], added)
      const answer = await mirror.head(`/v2/${name}/manifests/v1`)
      expect(answer.header('x-entrepot-origin')).toBe(HUB)
    },
  )

  test('has it on the registry view too, for names that go on from there', async () => {
    const before = await folder.serve(upstream)
    await pullImage(before.client, ['library/alpine', 'v1'], image)
    await before.end()
    const { registry } = await withMirrors()
    await pullImage(registry, ['library/alpine', 'v1'], held('library/alpine', 'v1'))
  })

  test('has what was pushed, with its tags as they were pushed', async () => {
    const before = await folder.serve(upstream)
    await pullImage(before.client, ['library/alpine', 'v1'], image)
    await before.end()
    const own = makeImage()
    const { registry, mirror } = await withMirrors()
    await registry.pushImage('local_alpine', own, 'v1')
    held('library/local_alpine', 'v1')
    await pullImage(mirror, ['library/local_alpine', 'v1'], own)
  })
})

describe('a folder that was filled with mirrors and is opened with proxy', () => {
  test('has it under the name without the host, and no layer is downloaded twice', async () => {
    const before = await withMirrors()
    const own = makeImage()
    await before.registry.pushImage('team/app', own, 'v1')
    await pullImage(before.mirror, ['library/alpine', 'v1'], image)
    await before.remove()
    const after = await folder.serve(upstream)
    const loaded = downloads()
    await pullImage(after.client, ['library/alpine', 'v1'], image)
    expect(downloads()).toBe(loaded)
    await pullImage(after.client, ['team/app', 'v1'], own)
  })
})

describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'a folder that docker-registry filled as a store, and that went both ways',
  () => {
    test('keeps what was pushed to it local, and loses nothing to its collector', async () => {
      const [own, other] = [makeImage(), makeImage()]
      const theirs = await folder.serve(undefined, startDockerRegistry)
      await theirs.client.pushImage('grafana/grafana', own, 'v1')
      await theirs.client.pushImage('local_alpine', other, 'v1')
      await theirs.end()
      held('grafana/grafana', 'v1')
      const first = await folder.serve(upstream)
      await pullImage(first.client, ['library/alpine', 'v1'], image)
      await first.end()
      const mirror = await withMirrors()
      await pullImage(mirror.mirror, ['grafana/grafana', 'v1'], own)
      await pullImage(mirror.mirror, ['library/local_alpine', 'v1'], other)
      await pullImage(mirror.mirror, ['library/alpine', 'v1'], image)
      await mirror.remove()
      expect(await eligibleBlobs(folder.root)).toEqual([])
      const back = await folder.serve(undefined, startDockerRegistry)
      for (const name of ['library/alpine', `${HUB}/library/alpine`])
        await pullImage(back.client, [name, 'v1'], image)
      await pullImage(back.client, ['local_alpine', 'v1'], other)
    })

    test('is asked anew for what docker-registry fetched as a mirror, once ours has fetched a part of it', async () => {
      const old = held('library/alpine', 'v0')
      const theirs = await folder.serve(upstream, startDockerRegistry)
      await pullImage(theirs.client, ['library/alpine', 'v0'], old)
      await theirs.end()
      const first = await folder.serve(upstream)
      await pullImage(first.client, ['library/alpine', 'v1'], image)
      await first.end()
      const moved = held('library/alpine', 'v0')
      const { mirror } = await withMirrors()
      await pullImage(mirror, ['library/alpine', 'v0'], moved)
    })
  },
)
