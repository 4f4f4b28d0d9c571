import { beforeEach, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import type { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { startDockerRegistry } from '../support/targets.js'
import { useOneFolder } from './one-folder.js'
import { getManifest, pullImage } from './pulls.js'

/* Processes on one folder, as registry:2's users run them: some have `proxy`, some have not. */

const folder = useOneFolder()
let upstream: FakeUpstream
let image: Image

beforeEach(async () => {
  upstream = await folder.upstream()
  image = makeImage()
  upstream.hold('library/alpine', image, '3.20')
})

describe('proxy.remoteurl', () => {
  test('serves the upstream under its own names, and keeps what it served', async () => {
    const { client } = await folder.serve(upstream)
    await pullImage(client, ['library/alpine', '3.20'], image)
    await upstream.down()
    await pullImage(client, ['library/alpine', '3.20'], image)
    expect((await getManifest(client, 'library/other', '1')).status).toBe(404)
    expect((await client.get('/v2/_catalog')).json()).toEqual({ repositories: ['library/alpine'] })
  })

  test('takes no push (attack 57)', async () => {
    const { client } = await folder.serve(upstream)
    expect((await client.post('/v2/library/alpine/blobs/uploads/')).status).toBe(405)
    expect((await client.putManifest('team/app', 'v1', image.manifest)).status).toBe(405)
  })

  test('serves what a second process on the folder was pushed, by its bare name', async () => {
    const [mirror, store] = [await folder.serve(upstream), await folder.serve()]
    const own = makeImage()
    await store.client.pushImage('local_alpine', own, 'latest')
    await pullImage(mirror.client, ['local_alpine', 'latest'], own)
    await pullImage(mirror.client, ['library/local_alpine', 'latest'], own)
    await pullImage(mirror.client, ['library/alpine', '3.20'], image)
    await pullImage(store.client, ['library/alpine', '3.20'], image)
  })

  test('serves a push of a second process at once, into what it has fetched and looked at just now', async () => {
    const [mirror, store] = [await folder.serve(upstream), await folder.serve()]
    const [theirs, own] = [makeImage(), makeImage()]
    upstream.hold('team/app', theirs, 'v1')
    await pullImage(mirror.client, ['team/app', 'v1'], theirs)
    expect((await getManifest(mirror.client, 'team/app', 'v2')).status).toBe(404)
    await store.client.pushImage('team/app', own, 'v2')
    expect(await pullImage(mirror.client, ['team/app', 'v2'], own)).toMatchObject({ origin: 'local' })
  })

  test("never takes a pushed tag for the upstream's (attack 56)", async () => {
    const [mirror, store] = [await folder.serve(upstream), await folder.serve()]
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
    const first = await folder.serve(upstream)
    await pullImage(first.client, ['library/alpine', '3.20'], image)
    await first.end()
    const second = await folder.serve(quay)
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
      const theirs = await folder.serve(upstream, startDockerRegistry)
      await pullImage(theirs.client, ['library/alpine', '3.20'], image)
      // It writes what it fetched after it has answered.
      await theirs.end()
      const ours = await folder.serve(upstream)
      await pullImage(ours.client, ['library/alpine', '3.20'], image)
      await upstream.down()
      await pullImage(ours.client, ['library/alpine', '3.20'], image)
    })

    test('that took pushes too has them where the upstream has no such repository, and not in an outage', async () => {
      const [own, theirs, stranger] = [makeImage(), makeImage(), makeImage()]
      const store = await folder.serve(undefined, startDockerRegistry)
      await store.client.pushImage('team/app', own, 'v1')
      await store.client.pushImage('team/both', theirs, 'v1')
      await store.end()
      upstream.hold('team/both', stranger, 'v1')
      const ours = await folder.serve(upstream)
      const pulled = await pullImage(ours.client, ['team/app', 'v1'], own)
      expect(pulled).toMatchObject({ origin: 'local' })
      const { digest } = own.manifest.descriptor
      expect((await getManifest(ours.client, 'team/app', digest)).status).toBe(200)
      expect((await ours.client.get('/v2/team/app/tags/list')).json()).toMatchObject({ tags: ['v1'] })
      await pullImage(ours.client, ['team/both', 'v1'], stranger)
      expect((await getManifest(ours.client, 'team/both', theirs.manifest.descriptor.digest)).status).toBe(
        404,
      )
      await ours.end()
      await upstream.down()
      const down = await folder.serve(upstream)
      expect((await getManifest(down.client, 'team/app', 'v1')).status).toBe(404)
      await down.end()
      await upstream.up()
      const again = await folder.serve(upstream)
      await pullImage(again.client, ['team/app', 'v1'], own)
    })

    test('takes ours, and its collector would delete nothing that lives', async () => {
      const [mirror, store] = [await folder.serve(upstream), await folder.serve()]
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
      const theirs = await folder.serve(undefined, startDockerRegistry)
      await pullImage(theirs.client, ['library/alpine', '3.20'], image)
      for (let at = 0; at < 10; at++) await pullImage(theirs.client, [`load/p${at}`, 'v1'], own)
    })
  },
)
