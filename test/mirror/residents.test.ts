import { describe, expect, test } from '@jest/globals'

import { RESTRICTED, passwordOf } from '../support/accounts.js'
import { makeImage } from '../support/images.js'
import { hashOf } from '#core-test/access/parts.js'
import { getManifest } from './pulls.js'
import { openScene } from './scene.js'

const HUB = 'docker.io'
const QUAY = 'quay.io'

/** May do everything under `app`, and nothing under an upstream's name. */
const BUILDER = {
  name: 'builder',
  secretHash: hashOf('builder-password'),
  rights: [{ repositories: ['app/**'], actions: ['pull', 'push', 'delete'] }],
}

describe('a repository under the name of an upstream that clients have pushed into', () => {
  test('is not written, nor read, with a right to a bare name of the registry', async () => {
    const scene = await openScene({
      hosts: { [HUB]: {}, [QUAY]: {} },
      config: { access: { ...RESTRICTED.access, accounts: [...RESTRICTED.access.accounts, BUILDER] } },
    })
    try {
      const image = makeImage()
      await scene.mirror.restart('in order', { upstreams: [{ host: HUB, at: scene.upstreams[HUB] }] })
      const owner = { headers: passwordOf('owner') }
      const registry = scene.mirror.registry
      for (const blob of image.blobs)
        await registry.send({
          method: 'POST',
          target: `/v2/quay.io/app/web/blobs/uploads/?digest=${blob.descriptor.digest}`,
          body: blob.bytes,
          ...owner,
        })
      const put = { method: 'PUT', body: image.manifest.bytes } as const
      const type = { 'content-type': image.manifest.descriptor.mediaType }
      const pushed = await registry.send({
        ...put,
        target: '/v2/quay.io/app/web/manifests/v1',
        headers: { ...owner.headers, ...type },
      })
      expect(pushed.status).toBe(201)
      await scene.mirror.restart('in order')
      const headers = { ...passwordOf('builder'), ...type }
      const direct = await registry.send({ ...put, target: '/v2/quay.io/app/web/manifests/v2', headers })
      expect(direct.status).toBe(403)
      const around = await registry.send({ ...put, target: '/v2/app/web/manifests/v2?ns=quay.io', headers })
      expect(around.status).toBe(403)
      const read = await registry.send({
        method: 'GET',
        target: '/v2/app/web/manifests/v1?ns=quay.io',
        headers,
      })
      expect(read.status).toBe(403)
      const deleted = await registry.send({
        method: 'DELETE',
        target: '/v2/app/web/manifests/v1?ns=quay.io',
        headers,
      })
      expect(deleted.status).toBe(403)
    } finally {
      await scene.close()
    }
  })

  test('answers for a name of one part, as people push docker.io/alpine to registry:2', async () => {
    const scene = await openScene({ hosts: { [HUB]: {}, [QUAY]: {} } })
    try {
      const [image, stranger] = [makeImage(), makeImage()]
      scene.upstreams[HUB].hold('library/alpine', stranger, 'v1')
      await scene.mirror.restart('in order', { upstreams: [{ host: QUAY, at: scene.upstreams[QUAY] }] })
      await scene.mirror.registry.pushImage('docker.io/alpine', image, 'v1')
      await scene.mirror.registry.pushImage('index.docker.io/team/app', image, 'v1')
      await scene.mirror.restart('in order')
      const one = await getManifest(scene.mirror.registry, 'docker.io/alpine', 'v1')
      const two = await getManifest(scene.mirror.registry, 'index.docker.io/team/app', 'v1')
      expect([one.status, two.status]).toEqual([200, 200])
      expect(one.header('x-entrepot-origin')).toBe('local')
      expect(one.body.equals(image.manifest.bytes)).toBe(true)
    } finally {
      await scene.close()
    }
  })
})
