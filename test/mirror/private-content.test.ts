import { describe, expect, test } from '@jest/globals'

import { RESTRICTED, passwordOf } from '../support/accounts.js'
import { type Image, makeImage } from '../support/images.js'
import { startCore } from '../support/targets.js'
import { hashOf } from '#core-test/access/parts.js'
import { useOneFolder } from './one-folder.js'
import { getManifest, pullImage, type PullOptions } from './pulls.js'
import { openScene, useScene } from './scene.js'

const HUB = 'docker.io'
const QUAY = 'quay.io'
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
      {
        name: 'bare',
        secretHash: hashOf('bare-password'),
        rights: [{ repositories: ['acme/**'], actions: ['pull'] }],
      },
      {
        name: 'of-quay',
        secretHash: hashOf('of-quay-password'),
        rights: [{ repositories: ['quay.io/acme/**'], actions: ['pull'] }],
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

describe('a right to names of this registry', () => {
  const upstream = { auth: 'bearer', users: { me: 'secret' }, privateRepositories: ['acme'] } as const
  const hosts = { [HUB]: { upstream, settings: login }, [QUAY]: { upstream, settings: login } }
  const scene = useScene({ hosts, config: ACCESS })
  const WAYS: readonly (readonly [string, string, PullOptions, string?])[] = [
    ['by its host before the name', 'quay.io/acme/app', {}],
    ['by ns', 'acme/app', { query: '?ns=quay.io' }],
    ['by a virtual host', 'acme/app', {}, QUAY],
  ]

  async function statusFor(account: string, [, name, options, host]: (typeof WAYS)[number]): Promise<number> {
    const headers = { ...passwordOf(account), ...(host !== undefined && { host }) }
    return (await getManifest(scene.mirror.connect({ headers }), name, 'v1', options)).status
  }

  test.each(WAYS)("opens none of an upstream's account, asked for %s", async (...way) => {
    scene.upstreams[QUAY].hold('acme/app', makeImage(), 'v1')
    expect(await statusFor('of-quay', way)).toBe(200)
    expect(await statusFor('bare', way)).toBe(404)
  })

  test('opens what the bare name means on the mirror view', async () => {
    scene.upstreams[HUB].hold('acme/app', makeImage(), 'v1')
    const bare = scene.mirror.connect({ headers: passwordOf('bare') })
    expect((await getManifest(bare, 'acme/app', 'v1')).status).toBe(200)
    expect((await getManifest(bare, 'acme/app', 'v1', { query: '?ns=docker.io' })).status).toBe(200)
    const { registry } = scene.mirror
    const headers = passwordOf('bare')
    const asked = { method: 'GET', target: '/v2/acme/app/manifests/v1?ns=docker.io', headers } as const
    expect((await registry.send(asked)).status).toBe(404)
  })

  test('counts for a token that was made for the name that is asked for', async () => {
    scene.upstreams[QUAY].hold('acme/app', makeImage(), 'v1')
    const target = '/token?service=registry&scope=repository:acme/app:pull'
    const made = await scene.mirror.registry.send({ method: 'GET', target, headers: passwordOf('owner') })
    const { token } = made.json() as { readonly token: string }
    const client = scene.mirror.connect({ headers: { authorization: `Bearer ${token}` } })
    expect((await getManifest(client, 'acme/app', 'v1', { query: '?ns=quay.io' })).status).toBe(200)
  })
})

describe('an upstream that has no account any more', () => {
  /** A hub that shows one image to its account only, and another one to everybody. */
  async function openWithAccount() {
    const upstream = { auth: 'bearer', users: { me: 'secret' }, privateRepositories: ['acme'] } as const
    const scene = await openScene({ hosts: { [HUB]: { upstream, settings: login } }, config: ACCESS })
    const { [HUB]: hub } = scene.upstreams
    const [secret, open] = [makeImage(), makeImage()]
    hub.hold('acme/app', secret, 'v1')
    hub.hold('open/app', open, 'v1')
    return { scene, hub, secret, open, owner: scene.mirror.connect({ headers: passwordOf('owner') }) }
  }

  test('shows nobody what only the account could see', async () => {
    const { scene, hub, secret, open, owner } = await openWithAccount()
    try {
      await pullImage(owner, ['acme/app', 'v1'], secret)
      await pullImage(owner, ['open/app', 'v1'], open)
      await scene.mirror.restart('in order', { upstreams: [{ host: HUB, at: hub }] })
      const { mirror } = scene.mirror
      for (const reference of ['v1', secret.manifest.descriptor.digest])
        expect((await getManifest(mirror, 'acme/app', reference)).status).toBe(404)
      const layer = secret.blobs[1]?.descriptor.digest
      expect((await mirror.get(`/v2/acme/app/blobs/${layer}`)).status).toBe(404)
      expect((await mirror.get('/v2/_catalog')).body.toString()).not.toContain('acme')
      await pullImage(mirror, ['open/app', 'v1'], open)
      await pullImage(owner, ['acme/app', 'v1'], secret)
    } finally {
      await scene.close()
    }
  })

  test('shows nobody layers whose manifest never came', async () => {
    const { scene, hub, secret, open, owner } = await openWithAccount()
    try {
      const [hidden, shown] = [layerOf(secret), layerOf(open)]
      await owner.pullBlob('acme/app', hidden)
      await owner.pullBlob('open/app', shown)
      await scene.mirror.restart('in order', { upstreams: [{ host: HUB, at: hub }] })
      const { mirror } = scene.mirror
      expect((await mirror.get(`/v2/acme/app/blobs/${hidden}`)).status).toBe(404)
      expect((await mirror.head(`/v2/acme/app/blobs/${hidden}`)).status).toBe(404)
      await owner.pullBlob('acme/app', hidden)
      await mirror.pullBlob('open/app', shown)
    } finally {
      await scene.close()
    }
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

describe('what a process with proxy.username fetches into a repository', () => {
  const folder = useOneFolder()

  test('is at once for no stranger at a second process, which has served what is public of it just now', async () => {
    const secret: string[] = []
    const options = { auth: 'bearer', users: { me: 'secret' }, privateRepositories: secret } as const
    const hub = await folder.upstream(options)
    const [open, hidden] = [makeImage(), makeImage()]
    hub.hold('acme/app', open, 'v1')
    const before = await folder.serve(hub)
    await pullImage(before.client, ['acme/app', 'v1'], open)
    await before.end()
    secret.push('acme')
    hub.hold('acme/app', hidden, 'v2')
    const { client: stranger } = await folder.serve(undefined, (target) =>
      startCore({ ...target, config: ACCESS }),
    )
    await pullImage(stranger, ['acme/app', 'v1'], open)
    const proxy = { remoteurl: hub.url, ...login }
    const { client } = await folder.serve(hub, (target) => startCore({ ...target, config: { proxy } }))
    await pullImage(client, ['acme/app', 'v2'], hidden)
    for (const reference of ['v2', hidden.manifest.descriptor.digest])
      expect((await getManifest(stranger, 'acme/app', reference)).status).toBe(404)
    for (const { descriptor } of hidden.blobs)
      expect((await stranger.get(`/v2/acme/app/blobs/${descriptor.digest}`)).status).toBe(404)
    await pullImage(stranger, ['acme/app', 'v1'], open)
  })
})

function layerOf({ blobs }: Image): string {
  const digest = blobs[1]?.descriptor.digest
  if (digest === undefined) throw new Error('an image has a layer')
  return digest
}
