import { describe, expect, test } from '@jest/globals'

import { RESTRICTED, passwordOf } from '../support/accounts.js'
import { makeImage } from '../support/images.js'
import { hashOf } from '#core-test/access/parts.js'
import { getManifest, pullImage } from './pulls.js'
import { openScene, useScene } from './scene.js'

const HUB = 'docker.io'
const login = { username: 'me', password: 'secret' }

const ACCESS = {
  access: {
    anonymous: 'pull',
    accounts: [
      ...RESTRICTED.access.accounts,
      {
        name: 'builder',
        secretHash: hashOf('builder-password'),
        rights: [{ repositories: ['mine/**'], actions: ['pull', 'push', 'delete'] }],
      },
    ],
  },
}

describe('what only our account at the upstream may see', () => {
  const upstream = { auth: 'bearer', users: { me: 'secret' }, privateRepositories: ['acme'] } as const
  const scene = useScene({ hosts: { [HUB]: { upstream, settings: login } }, config: ACCESS })

  test('is mounted by nobody who may not pull it (attack 40)', async () => {
    const image = makeImage()
    scene.upstreams[HUB].hold('acme/app', image, 'v1')
    const { registry } = scene.mirror
    const owner = passwordOf('owner')
    for (const target of [
      'manifests/v1',
      ...image.blobs.map(({ descriptor }) => `blobs/${descriptor.digest}`),
    ])
      expect(
        (await registry.send({ method: 'GET', target: `/v2/docker.io/acme/app/${target}`, headers: owner }))
          .status,
      ).toBe(200)
    const digest = image.blobs[1]?.descriptor.digest
    const headers = passwordOf('builder')
    const direct = await registry.send({
      method: 'GET',
      target: `/v2/docker.io/acme/app/blobs/${digest}`,
      headers,
    })
    expect(direct.status).toBe(404)
    const mount = await registry.send({
      method: 'POST',
      target: `/v2/mine/stolen/blobs/uploads/?mount=${digest}&from=docker.io/acme/app`,
      headers,
    })
    expect(mount.status).toBe(202)
  })

  test('stands in no list of those who may not pull it', async () => {
    const image = makeImage()
    scene.upstreams[HUB].hold('acme/listed', image, 'v1')
    const owner = scene.mirror.connect({ headers: passwordOf('owner') })
    await pullImage(owner, ['acme/listed', 'v1'], image)
    for (const client of [scene.mirror.mirror, scene.mirror.registry])
      expect(JSON.stringify((await client.get('/v2/_catalog')).json())).not.toContain('acme/listed')
  })
})

describe('a mirror that is sent passwords of another registry', () => {
  const scene = useScene({ hosts: { [HUB]: {} }, config: ACCESS })

  test('locks nobody out of the registry for it', async () => {
    const image = makeImage()
    scene.upstreams[HUB].hold('org/img', image, 'v1')
    const daemon = scene.mirror.connect({ headers: passwordOf('builder', 'the-password-of-the-hub') })
    for (let pull = 0; pull < 15; pull += 1)
      expect((await getManifest(daemon, 'org/img', 'v1')).status).toBe(200)
    const headers = passwordOf('builder')
    const registry = await scene.mirror.registry.send({ method: 'GET', target: '/v2/', headers })
    expect(registry.status).toBe(200)
  })
})

describe('a repository that was public once', () => {
  test('shows what came later to nobody, also in an outage', async () => {
    const secret: string[] = []
    const scene = await openScene({
      hosts: {
        [HUB]: {
          upstream: {
            auth: 'bearer',
            users: { me: 'secret' },
            privateRepositories: secret,
            tokenTtlSeconds: 60,
          },
          settings: { ...login, freshFor: '1s' },
        },
      },
      config: ACCESS,
    })
    try {
      const { [HUB]: hub } = scene.upstreams
      const [open, hidden] = [makeImage(), makeImage()]
      hub.hold('acme/app', open, 'v1')
      await pullImage(scene.mirror.mirror, ['acme/app', 'v1'], open)
      await scene.mirror.restart() // what was known of it is forgotten
      secret.push('acme')
      hub.hold('acme/app', hidden, 'v2')
      const owner = scene.mirror.connect({ headers: passwordOf('owner') })
      await pullImage(owner, ['acme/app', 'v2'], hidden)
      expect((await getManifest(scene.mirror.mirror, 'acme/app', 'v2')).status).toBe(404)
      await hub.down()
      await scene.mirror.restart()
      const { mirror } = scene.mirror
      expect((await getManifest(mirror, 'acme/app', 'v2')).status).toBe(404)
      expect((await getManifest(mirror, 'acme/app', 'v1')).status).toBe(200)
      expect((await getManifest(mirror, 'acme/app', 'v2')).status).toBe(404)
      expect((await mirror.get(`/v2/acme/app/tags/list`)).body.toString()).not.toContain('v2')
    } finally {
      await scene.close()
    }
  })
})
