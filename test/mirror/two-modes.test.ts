import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import { type Mirror, startMirror } from '../support/mirror.js'
import { describeNeeding } from '../support/needs.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore, startDockerRegistry, type Target } from '../support/targets.js'
import { pullImage } from './pulls.js'

const HUB = 'docker.io'

let folder: string
let upstream: FakeUpstream
let ends: (() => Promise<unknown>)[]
let image: Image

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  upstream = await FakeUpstream.start()
  ends = [() => upstream.close()]
  image = held('library/alpine', 'v1')
})
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  rmSync(folder, { recursive: true })
})

function held(repository: string, tag: string): Image {
  const made = makeImage()
  upstream.hold(repository, made, tag)
  return made
}

/** As registry:2 has it: one upstream, and names without a host. */
async function withProxy(
  start: typeof startCore = startCore,
): Promise<RegistryClient & { end(): Promise<unknown> }> {
  const target = await start({
    root: path.join(folder, 'store'),
    config: { proxy: { remoteurl: upstream.url } },
  })
  return clientOf(target)
}

async function withoutProxy(start: typeof startCore): Promise<RegistryClient & { end(): Promise<unknown> }> {
  return clientOf(await start({ root: path.join(folder, 'store') }))
}

function clientOf(target: Target): RegistryClient & { end(): Promise<unknown> } {
  const client = new RegistryClient(target.baseUrl)
  const end = async (): Promise<void> => {
    await client.close()
    await target.remove()
  }
  ends.push(end)
  return Object.assign(client, { end })
}

/** With hosts before the names. */
async function withMirrors(): Promise<Mirror> {
  const upstreams = [{ host: HUB, at: upstream, freshFor: '0s' }]
  const mirror = await startMirror({ upstreams, root: path.join(folder, 'store') })
  ends.push(() => mirror.remove())
  return mirror
}

function downloads(): number {
  return upstream.count({ kind: 'blob', method: 'GET' })
}

describe('a folder that was filled with proxy and is opened with mirrors', () => {
  test.each(['library/alpine', 'grafana/grafana'])(
    'has %s from its upstream as ever: tags move, and no layer is downloaded twice',
    async (name) => {
      const first = held(name, 'v1')
      const before = await withProxy()
      await pullImage(before, [name, 'v1'], first)
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
    const before = await withProxy()
    await pullImage(before, ['library/alpine', 'v1'], image)
    await before.end()
    const { registry } = await withMirrors()
    await pullImage(registry, ['library/alpine', 'v1'], held('library/alpine', 'v1'))
  })

  test('has what was pushed, with its tags as they were pushed', async () => {
    const before = await withProxy()
    await pullImage(before, ['library/alpine', 'v1'], image)
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
    const after = await withProxy()
    const loaded = downloads()
    await pullImage(after, ['library/alpine', 'v1'], image)
    expect(downloads()).toBe(loaded)
    await pullImage(after, ['team/app', 'v1'], own)
  })
})

describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'a folder that docker-registry filled as a store, and that went both ways',
  () => {
    test('keeps what was pushed to it local, and loses nothing to its collector', async () => {
      const [own, other] = [makeImage(), makeImage()]
      const theirs = await withoutProxy(startDockerRegistry)
      await theirs.pushImage('grafana/grafana', own, 'v1')
      await theirs.pushImage('local_alpine', other, 'v1')
      await theirs.end()
      held('grafana/grafana', 'v1')
      const first = await withProxy()
      await pullImage(first, ['library/alpine', 'v1'], image)
      await first.end()
      const mirror = await withMirrors()
      await pullImage(mirror.mirror, ['grafana/grafana', 'v1'], own)
      await pullImage(mirror.mirror, ['library/local_alpine', 'v1'], other)
      await pullImage(mirror.mirror, ['library/alpine', 'v1'], image)
      await mirror.remove()
      expect(await eligibleBlobs(path.join(folder, 'store'))).toEqual([])
      const back = await withoutProxy(startDockerRegistry)
      for (const name of ['library/alpine', `${HUB}/library/alpine`])
        await pullImage(back, [name, 'v1'], image)
      await pullImage(back, ['local_alpine', 'v1'], other)
    })

    test('is asked anew for what docker-registry fetched as a mirror, once ours has fetched a part of it', async () => {
      const old = held('library/alpine', 'v0')
      const theirs = await withProxy(startDockerRegistry)
      await pullImage(theirs, ['library/alpine', 'v0'], old)
      await theirs.end()
      const first = await withProxy()
      await pullImage(first, ['library/alpine', 'v1'], image)
      await first.end()
      const moved = held('library/alpine', 'v0')
      const { mirror } = await withMirrors()
      await pullImage(mirror, ['library/alpine', 'v0'], moved)
    })
  },
)
