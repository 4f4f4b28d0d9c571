import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore, startDockerRegistry, type Target } from '../support/targets.js'
import { getManifest, pullImage } from './pulls.js'

/** Processes on one folder, as registry:2's users run them: some have `proxy`, some have not. */
class Folder {
  readonly path = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  readonly root = path.join(this.path, 'store')
  readonly #ends: (() => Promise<void>)[] = []

  async upstream(): Promise<FakeUpstream> {
    const upstream = await FakeUpstream.start()
    this.#ends.push(() => upstream.close())
    return upstream
  }

  /** A process that mirrors an upstream, or is a registry. */
  async open(
    upstream?: FakeUpstream,
    start: typeof startCore = startCore,
  ): Promise<{ readonly client: RegistryClient; readonly target: Target; end(): Promise<void> }> {
    const config = upstream ? { proxy: { remoteurl: upstream.url } } : {}
    const target = await start({ root: this.root, config })
    const client = new RegistryClient(target.baseUrl)
    const end = async (): Promise<void> => {
      await client.close()
      await target.remove()
    }
    this.#ends.push(end)
    return { client, target, end }
  }

  async remove(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end()
    rmSync(this.path, { recursive: true, force: true })
  }
}

let folder: Folder
let upstream: FakeUpstream
let image: Image

beforeEach(async () => {
  folder = new Folder()
  upstream = await folder.upstream()
  image = makeImage()
  upstream.hold('library/alpine', image, '3.20')
})
afterEach(() => folder.remove())

describe('proxy.remoteurl', () => {
  test('serves the upstream under its own names, and keeps what it served', async () => {
    const { client } = await folder.open(upstream)
    await pullImage(client, ['library/alpine', '3.20'], image)
    await upstream.down()
    await pullImage(client, ['library/alpine', '3.20'], image)
    expect((await getManifest(client, 'library/other', '1')).status).toBe(404)
    expect((await client.get('/v2/_catalog')).json()).toEqual({ repositories: ['library/alpine'] })
  })

  test('takes no push (attack 57)', async () => {
    const { client } = await folder.open(upstream)
    expect((await client.post('/v2/library/alpine/blobs/uploads/')).status).toBe(405)
    expect((await client.putManifest('team/app', 'v1', image.manifest)).status).toBe(405)
  })

  test('serves what a second process on the folder was pushed, by its bare name', async () => {
    const [mirror, store] = [await folder.open(upstream), await folder.open()]
    const own = makeImage()
    await store.client.pushImage('local_alpine', own, 'latest')
    await pullImage(mirror.client, ['local_alpine', 'latest'], own)
    await pullImage(mirror.client, ['library/local_alpine', 'latest'], own)
    await pullImage(mirror.client, ['library/alpine', '3.20'], image)
    await pullImage(store.client, ['library/alpine', '3.20'], image)
  })

  test("never takes a pushed tag for the upstream's (attack 56)", async () => {
    const [mirror, store] = [await folder.open(upstream), await folder.open()]
    const own = makeImage()
    upstream.hold('team/app', makeImage(), 'v1')
    await store.client.pushImage('team/app', own, 'v1')
    await pullImage(mirror.client, ['team/app', 'v1'], own)
    await pullImage(store.client, ['team/app', 'v1'], own)
  })

  test('never mixes what one folder had from two upstreams under one name (attack 55)', async () => {
    const quay = await folder.upstream()
    const ofQuay = makeImage()
    quay.hold('library/alpine', ofQuay, '3.20')
    const first = await folder.open(upstream)
    await pullImage(first.client, ['library/alpine', '3.20'], image)
    await first.end()
    const second = await folder.open(quay)
    await pullImage(second.client, ['library/alpine', '3.20'], ofQuay)
    const { digest } = image.manifest.descriptor
    expect((await getManifest(second.client, 'library/alpine', digest)).status).toBe(404)
    await quay.down()
    await pullImage(second.client, ['library/alpine', '3.20'], ofQuay)
  })
})

describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'a folder of docker-registry as a proxy',
  () => {
    test('is served on, and what it holds outlives the upstream', async () => {
      const theirs = await folder.open(upstream, startDockerRegistry)
      await pullImage(theirs.client, ['library/alpine', '3.20'], image)
      // It writes what it fetched after it has answered.
      await theirs.end()
      const ours = await folder.open(upstream)
      await pullImage(ours.client, ['library/alpine', '3.20'], image)
      await upstream.down()
      await pullImage(ours.client, ['library/alpine', '3.20'], image)
    })

    test('takes ours, and its collector would delete nothing that lives', async () => {
      const [mirror, store] = [await folder.open(upstream), await folder.open()]
      const own = makeImage()
      const work = Array.from({ length: 10 }, async (_, at) => {
        const other = makeImage()
        upstream.hold(`load/u${at}`, other, 'v1')
        await Promise.all([
          pullImage(mirror.client, [`load/u${at}`, 'v1'], other),
          store.client.pushImage(`load/p${at}`, own, 'v1'),
        ])
        await pullImage(mirror.client, [`load/p${at}`, 'v1'], own)
      })
      await Promise.all(work)
      await pullImage(mirror.client, ['library/alpine', '3.20'], image)
      await mirror.end()
      await store.end()
      expect(await eligibleBlobs(folder.root)).toEqual([])
      await upstream.down()
      const theirs = await folder.open(undefined, startDockerRegistry)
      await pullImage(theirs.client, ['library/alpine', '3.20'], image)
      for (let at = 0; at < 10; at++) await pullImage(theirs.client, [`load/p${at}`, 'v1'], own)
    })
  },
)
