import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { beforeAll, describe, expect, test } from '@jest/globals'

import { type Image, makeImage } from '../support/images.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore } from '../support/targets.js'
import { getManifest, pullImage } from './pulls.js'
import { openScene, useScene } from './scene.js'

const HUB = 'docker.io'

describe('the mirror view', () => {
  const overlay = { hide: ['secret/**'], localOnly: ['acme/**'], override: ['library/special', 'special'] }
  const scene = useScene({ hosts: { [HUB]: {}, 'quay.io': {} }, overlay })

  /** Pushes an image to the registry view. */
  async function push(repository: string, tag = 'v1'): Promise<Image> {
    const image = makeImage()
    await scene.mirror.registry.pushImage(repository, image, tag)
    return image
  }
  /** Puts an image into the upstream. */
  function hold(repository: string, tag = 'v1'): Image {
    const image = makeImage()
    scene.upstreams[HUB].hold(repository, image, tag)
    return image
  }

  test.each(['local_alpine', 'library/local_alpine'])(
    'has what was pushed as local_alpine under the name %s, as dockerd asks for it',
    async (name) => {
      const image = await push('local_alpine', 'latest')
      expect(await pullImage(scene.mirror.mirror, [name, 'latest'], image)).toMatchObject({ origin: 'local' })
    },
  )

  test('has names of two parts that were pushed', async () => {
    const image = await push('team/app')
    expect(await pullImage(scene.mirror.mirror, ['team/app', 'v1'], image)).toMatchObject({ origin: 'local' })
  })

  test('prefers local library/x to local x, and both to the upstream', async () => {
    const ofHub = hold('library/layered')
    await push('layered')
    const first = await push('library/layered')
    expect(ofHub).not.toEqual(first)
    expect(await pullImage(scene.mirror.mirror, ['library/layered', 'v1'], first)).toMatchObject({
      origin: 'local',
    })
  })

  test('lets the first that has a repository answer for all of it (attack 56)', async () => {
    const ofHub = hold('team/both', 'v2')
    const image = await push('team/both', 'v1')
    const { mirror } = scene.mirror
    await pullImage(mirror, ['team/both', 'v1'], image)
    expect((await getManifest(mirror, 'team/both', 'v2')).status).toBe(404)
    expect((await getManifest(mirror, 'team/both', ofHub.manifest.descriptor.digest)).status).toBe(404)
    expect(scene.upstreams[HUB].count({ repository: 'team/both' })).toBe(0)
  })

  test('goes on to the upstream tag by tag for names in fallThrough only', async () => {
    const ofHub = hold('library/tool', 'theirs')
    const image = await push('tool', 'ours')
    const { mirror } = scene.mirror
    expect(await pullImage(mirror, ['library/tool', 'ours'], image)).toMatchObject({ origin: 'local' })
    expect(await pullImage(mirror, ['library/tool', 'theirs'], ofHub)).toMatchObject({ origin: HUB })
  })

  test('hides what it is told to', async () => {
    await push('secret/app')
    expect((await getManifest(scene.mirror.mirror, 'secret/app', 'v1')).status).toBe(404)
  })

  test('never asks upstream for names in localOnly (attack 56)', async () => {
    hold('acme/app')
    expect((await getManifest(scene.mirror.mirror, 'acme/app', 'v1')).status).toBe(404)
    expect(scene.upstreams[HUB].count({ repository: 'acme/app' })).toBe(0)
  })

  test('goes on with the upstream for a bare name that it served before somebody pushed it', async () => {
    const ofHub = hold('library/redis', '7')
    const { mirror, registry } = scene.mirror
    await pullImage(mirror, ['library/redis', '7'], ofHub)
    const image = makeImage()
    for (const blob of image.blobs) await registry.pushBlob('redis', blob)
    const put = await registry.putManifest('redis', '7', image.manifest)
    expect(put.status).toBe(201)
    expect(put.header('warning')).toMatch(/^299 - ".*override/)
    expect(await pullImage(mirror, ['library/redis', '7'], ofHub)).toMatchObject({ origin: HUB })
    await pullImage(registry, ['redis', '7'], image)
  })

  test('changes over to what was pushed where overlay.override names it', async () => {
    const ofHub = hold('library/special')
    const { mirror } = scene.mirror
    await pullImage(mirror, ['library/special', 'v1'], ofHub)
    const image = await push('special')
    expect(await pullImage(mirror, ['library/special', 'v1'], image)).toMatchObject({ origin: 'local' })
  })

  test('takes no push', async () => {
    const answer = await scene.mirror.mirror.post('/v2/team/app/blobs/uploads/')
    expect(answer.status).toBe(405)
  })

  describe('beside the registry view', () => {
    let ofHub: Image
    beforeAll(() => {
      ofHub = hold('library/onregistry')
    })

    test('which goes on to the upstream for library/*, and for nothing else (attack 56)', async () => {
      const { registry } = scene.mirror
      expect(await pullImage(registry, ['library/onregistry', 'v1'], ofHub)).toMatchObject({ origin: HUB })
      hold('somebody/img')
      expect((await getManifest(registry, 'somebody/img', 'v1')).status).toBe(404)
      expect((await getManifest(registry, 'onregistry-not-there', 'v1')).status).toBe(404)
      expect(scene.upstreams[HUB].count({ repository: 'somebody/img' })).toBe(0)
    })

    test('which has what was pushed by the name it was pushed with', async () => {
      const image = await push('plain')
      expect(await pullImage(scene.mirror.registry, ['plain', 'v1'], image)).toMatchObject({
        origin: 'local',
      })
    })
  })
})

test('the upstream answers for a name that both have where overlay.prefer says so', async () => {
  const scene = await openScene({ hosts: { [HUB]: {} }, overlay: { prefer: 'upstream' } })
  try {
    const [ofHub, image, own] = [makeImage(), makeImage(), makeImage()]
    scene.upstreams[HUB].hold('team/both', ofHub, 'v1')
    await scene.mirror.registry.pushImage('team/both', image, 'v1')
    await scene.mirror.registry.pushImage('team/own', own, 'v1')
    await pullImage(scene.mirror.mirror, ['team/both', 'v1'], ofHub)
    await pullImage(scene.mirror.mirror, ['team/own', 'v1'], own)
    await pullImage(scene.mirror.registry, ['team/both', 'v1'], image)
  } finally {
    await scene.close()
  }
})

test('a push under a name that overlay.prefer gives to the upstream is told what changes that, and that does', async () => {
  const overlay = { prefer: 'upstream', override: ['redis'] }
  const scene = await openScene({ hosts: { [HUB]: {} }, overlay })
  try {
    const [ofHub, own] = [makeImage(), makeImage()]
    scene.upstreams[HUB].hold('library/redis', ofHub, 'v1')
    await pullImage(scene.mirror.mirror, ['library/redis', 'v1'], ofHub)
    const { registry } = scene.mirror
    for (const blob of own.blobs) await registry.pushBlob('redis', blob)
    const told = (await registry.putManifest('redis', 'v1', own.manifest)).header('warning')
    expect(told).toMatch(/name library\/redis in overlay\.localOnly/)
    expect(told).not.toMatch(/override/)
    await pullImage(scene.mirror.mirror, ['library/redis', 'v1'], ofHub)
    await scene.mirror.restart('in order', { overlay: { ...overlay, localOnly: ['library/redis'] } })
    await pullImage(scene.mirror.mirror, ['library/redis', 'v1'], own)
    expect((await registry.putManifest('redis', 'v1', own.manifest)).header('warning')).toBeUndefined()
  } finally {
    await scene.close()
  }
})

test('a repository under the name of an upstream that holds pushed content stays local, and takes pushes', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const root = path.join(folder, 'store')
  const [before, after] = [makeImage(), makeImage()]
  try {
    const core = await startCore({ root })
    const client = new RegistryClient(core.baseUrl)
    await client.pushImage('docker.io/library/own', before, 'v1')
    await client.close()
    await core.remove()
    const scene = await openScene({ hosts: { [HUB]: {} }, root })
    try {
      scene.upstreams[HUB].hold('library/own', makeImage(), 'v1')
      const { registry } = scene.mirror
      const name = 'docker.io/library/own'
      expect(await pullImage(registry, [name, 'v1'], before)).toMatchObject({ origin: 'local' })
      await registry.pushImage(name, after, 'v2')
      expect(await pullImage(registry, [name, 'v2'], after)).toMatchObject({ origin: 'local' })
      expect((await getManifest(registry, name, 'v3')).status).toBe(404)
      expect(scene.upstreams[HUB].count({ repository: 'library/own' })).toBe(0)
    } finally {
      await scene.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
