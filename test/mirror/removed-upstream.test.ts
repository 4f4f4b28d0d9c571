import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { hashOf } from '#core-test/access/parts.js'
import { passwordOf, RESTRICTED } from '../support/accounts.js'
import { type Image, makeImage } from '../support/images.js'
import { RegistryClient } from '../support/registry-client.js'
import { errorOf, getManifest, pullImage } from './pulls.js'
import { openScene, type Scene } from './scene.js'

const HUB = 'docker.io'
const QUAY = 'quay.io'
const OPEN = 'open.example'

/** Its right is to names of this registry, not to those of an upstream. */
const BARE = {
  name: 'bare',
  secretHash: hashOf('bare-password'),
  rights: [{ repositories: ['acme/**'], actions: ['pull', 'push', 'delete'] }],
}

describe.each(['pull', 'push'])('an upstream that is configured no more (anonymous: %s)', (anonymous) => {
  let scene: Scene<typeof HUB | typeof QUAY | typeof OPEN> & { close(): Promise<void> }
  let [secret, known, given, partly]: Image[] = []
  let owner: RegistryClient
  let bare: RegistryClient
  let nobody: RegistryClient

  beforeEach(async () => {
    scene = await openScene({
      hosts: {
        [HUB]: {},
        [QUAY]: {
          upstream: { auth: 'bearer', users: { me: 'secret' }, privateRepositories: ['acme'] },
          settings: { username: 'me', password: 'secret' },
        },
        [OPEN]: {},
      },
      config: {
        access: { ...RESTRICTED.access, anonymous, accounts: [...RESTRICTED.access.accounts, BARE] },
      },
    })
    ;[secret, known, given, partly] = [makeImage(), makeImage(), makeImage(), makeImage()]
    const { mirror, upstreams } = scene
    upstreams[QUAY].hold('acme/app', held(secret), 'v1')
    upstreams[QUAY].hold('acme/partly', held(partly), 'v1')
    upstreams[QUAY].hold('known/app', held(known), 'v1')
    upstreams[OPEN].hold('given/app', held(given), 'v1')
    owner = new RegistryClient(mirror.core.baseUrl, { headers: passwordOf('owner') })
    bare = new RegistryClient(mirror.core.baseUrl, { headers: passwordOf('bare') })
    nobody = mirror.registry
    await pullImage(owner, ['quay.io/acme/app', 'v1'], held(secret))
    await owner.pullBlob('quay.io/acme/partly', layerOf(partly))
    await pullImage(nobody, ['quay.io/known/app', 'v1'], held(known))
    await pullImage(nobody, ['open.example/given/app', 'v1'], held(given))
    await mirror.restart('in order', { upstreams: [{ host: HUB, at: upstreams[HUB] }] })
  })
  afterEach(async () => {
    await Promise.all([owner.close(), bare.close()])
    await scene.close()
  })

  test('leaves what only our account could see to nobody else', async () => {
    for (const client of [nobody, scene.mirror.mirror, bare]) {
      expect((await getManifest(client, 'quay.io/acme/app', 'v1')).status).not.toBe(200)
      const { digest } = held(secret).manifest.descriptor
      expect((await getManifest(client, 'quay.io/acme/app', digest)).status).not.toBe(200)
      for (const { descriptor } of held(secret).blobs)
        expect((await client.get(`/v2/quay.io/acme/app/blobs/${descriptor.digest}`)).status).not.toBe(200)
      expect((await client.get('/v2/quay.io/acme/app/tags/list')).status).not.toBe(200)
      expect((await client.get('/v2/_catalog')).body.toString()).not.toContain('acme')
    }
    expect((await getManifest(nobody, 'quay.io/acme/app', 'v1')).status).toBe(404)
  })

  test('leaves it to accounts with a right that names the upstream', async () => {
    await pullImage(owner, ['quay.io/acme/app', 'v1'], held(secret))
    expect((await owner.get('/v2/quay.io/acme/app/tags/list')).json()).toMatchObject({ tags: ['v1'] })
    expect((await owner.get('/v2/_catalog')).body.toString()).toContain('quay.io/acme/app')
  })

  test('leaves what it gave to everybody to everybody', async () => {
    await pullImage(nobody, ['quay.io/known/app', 'v1'], held(known))
    await pullImage(nobody, ['open.example/given/app', 'v1'], held(given))
    expect((await nobody.get('/v2/open.example/given/app/tags/list')).json()).toMatchObject({ tags: ['v1'] })
    const { repositories } = (await nobody.get('/v2/_catalog')).json() as { repositories: string[] }
    expect(repositories).toEqual(['open.example/given/app', 'quay.io/known/app'])
  })

  test('opens nothing of it when somebody pushes there who may see it', async () => {
    const own = makeImage()
    await owner.pushImage('quay.io/acme/app', own, 'v2')
    await pullImage(nobody, ['quay.io/acme/app', 'v2'], own)
    expect((await getManifest(nobody, 'quay.io/acme/app', 'v1')).status).toBe(404)
    for (const { descriptor } of held(secret).blobs)
      expect((await nobody.get(`/v2/quay.io/acme/app/blobs/${descriptor.digest}`)).status).toBe(404)
    expect((await nobody.get('/v2/quay.io/acme/app/tags/list')).json()).toMatchObject({ tags: ['v2'] })
    await scene.mirror.restart('in order')
    expect((await getManifest(nobody, 'quay.io/acme/app', 'v1')).status).toBe(404)
    await pullImage(nobody, ['quay.io/acme/app', 'v2'], own)
  })

  test('leaves a layer whose manifest never came to accounts with a right that names the upstream', async () => {
    const layer = layerOf(partly)
    const target = `/v2/quay.io/acme/partly/blobs/${layer}`
    for (const client of [nobody, bare]) {
      expect((await client.get(target)).status).not.toBe(200)
      expect((await client.get('/v2/quay.io/acme/partly/tags/list')).status).not.toBe(200)
      expect((await client.get('/v2/quay.io/acme/partly/tags/list?last=a')).status).not.toBe(200)
      expect((await client.get('/v2/_catalog')).body.toString()).not.toContain('acme')
      const mount = `/v2/acme/stolen/blobs/uploads/?mount=${layer}&from=quay.io/acme/partly`
      expect((await client.post(mount)).status).not.toBe(201)
      expect((await client.delete(target)).status).not.toBe(202)
    }
    expect((await nobody.get(target)).status).toBe(404)
    expect((await owner.get(target)).status).toBe(200)
    expect((await owner.get('/v2/quay.io/acme/partly/tags/list')).status).toBe(200)
    expect((await owner.get('/v2/_catalog')).body.toString()).toContain('quay.io/acme/partly')
  })

  test('leaves the layers of a manifest that was deleted to nobody else', async () => {
    const { digest } = held(secret).manifest.descriptor
    expect((await owner.delete(`/v2/quay.io/acme/app/manifests/${digest}`)).status).toBe(202)
    // What was known of the repository is forgotten.
    await scene.mirror.restart('in order', { upstreams: [{ host: HUB, at: scene.upstreams[HUB] }] })
    for (const { descriptor } of held(secret).blobs) {
      expect((await nobody.get(`/v2/quay.io/acme/app/blobs/${descriptor.digest}`)).status).toBe(404)
      expect((await owner.get(`/v2/quay.io/acme/app/blobs/${descriptor.digest}`)).status).toBe(200)
    }
    expect((await nobody.get('/v2/quay.io/acme/app/tags/list')).status).toBe(404)
    expect((await nobody.get('/v2/_catalog')).body.toString()).not.toContain('acme')
  })

  test('takes a push into a name that has no manifest from whoever may push there', async () => {
    const own = makeImage()
    const pusher = anonymous === 'push' ? nobody : owner
    for (const repository of ['quay.io/acme/partly', 'gone.example/new/app']) {
      for (const { bytes, descriptor } of own.blobs) {
        await pusher.pushBlob(repository, bytes)
        // Docker's push ends where it is told that what it has uploaded is not there.
        const there = await pusher.head(`/v2/${repository}/blobs/${descriptor.digest}`)
        expect(there.status).toBe(200)
      }
      await pusher.pushImage(repository, own, 'v9')
      await pullImage(nobody, [repository, 'v9'], own)
    }
  })

  test('takes no push from whoever may not see it', async () => {
    const refused = await nobody.post('/v2/quay.io/acme/app/blobs/uploads/')
    expect([refused.status, errorOf(refused).code]).toEqual(
      anonymous === 'push' ? [403, 'DENIED'] : [401, 'UNAUTHORIZED'],
    )
    expect(refused.body.toString()).not.toContain('mirror')
  })
})

function held(image: Image | undefined): Image {
  if (image === undefined) throw new Error('made before each test')
  return image
}

function layerOf(image: Image | undefined): string {
  const digest = held(image).blobs[1]?.descriptor.digest
  if (digest === undefined) throw new Error('an image has a layer')
  return digest
}
