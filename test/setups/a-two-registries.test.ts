import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import type { LayoutImage } from '../support/image-layout.js'
import { eventually } from '../support/eventually.js'
import { type Image, makeImage } from '../support/images.js'
import type { RegistryClient } from '../support/registry-client.js'
import { addressInside, DockerHost, HOSTS, IMAGE, REGISTRY_2, REGISTRY_2_CONFIG } from './docker-host.js'

/** Setup A's files as people have them, but for one line: there is no network, so `remoteurl` names a scripted upstream. */
function files(remoteUrl: string) {
  return {
    'docker-compose.yml': `version: '3'
services:
  local_store:
    container_name: local_store
    image: registry:2
    restart: always
    ports:
      - 127.0.0.1:5000:5000
    volumes:
      - ./cache:/var/lib/registry
      - ./store.yml:/etc/docker/registry/config.yml
  local_cache:
    container_name: local_cache
    image: registry:2
    restart: always
    ports:
      - 127.0.0.1:5001:5000
    volumes:
      - ./cache:/var/lib/registry
      - ./cache.yml:/etc/docker/registry/config.yml
`,
    // Its last key is misplaced.
    'store.yml': `${REGISTRY_2_CONFIG}delete:
  enabled: true
`,
    'cache.yml': `${REGISTRY_2_CONFIG}proxy:
  remoteurl: ${remoteUrl}
`,
  }
}

/** The names that the daemons' hosts files give to the machine; Docker trusts what resolves to loopback. */
const STORE = 'docker.registry.local:5000'
const CACHE = 'docker.registry.local:5001'
const SERVED = [STORE, CACHE]

describe.each(HOSTS)('setup A: $title', (kind) => {
  let host: DockerHost
  let upstream: FakeUpstream
  let before: LayoutImage
  let fetchedBefore: LayoutImage

  async function untilServed(): Promise<void> {
    for (const address of SERVED) await host.untilServed(address)
  }

  /** The upstream was away a moment ago, and is left alone for a while after that. */
  async function untilAsked(cache: RegistryClient): Promise<void> {
    const image = makeImage()
    upstream.hold('library/again', image, '1')
    const isPulled = (): Promise<boolean> =>
      cache.pullManifest('library/again', '1').then(
        () => true,
        () => false,
      )
    await eventually('the mirror asks its upstream again', isPulled, { everyMs: 500, deadlineMs: 90_000 })
  }

  beforeAll(async () => {
    upstream = await FakeUpstream.start()
    host = await DockerHost.start(kind, {
      hosts: { 'docker.registry.local': '127.0.0.1' },
      mirrors: [`http://${CACHE}`],
      insecure: SERVED,
    })
    host.writeAll('a', files(addressInside(upstream)))
    await host.typed('cd a && docker compose up -d 2>&1')
    await untilServed()
    before = await host.make(`${STORE}/local_alpine`)
    await host.daemon.push(`${STORE}/local_alpine`)
    fetchedBefore = host.hold(upstream, 'library/before')
    await host.pullAndRun('before:1')
    await host.move('a', REGISTRY_2, IMAGE)
    await untilServed()
  }, 600_000) // the first time the image is built
  afterAll(async () => {
    await host.destroy()
    await upstream.close()
  })

  describe('the store', () => {
    test('has what registry:2 took, over its folder of root', async () => {
      expect(await host.pullAndRun(`${STORE}/local_alpine`)).toBe(before.prints)
      expect(await host.typed(`curl -s http://${STORE}/v2/_catalog`)).toContain('"local_alpine"')
    })

    test('names the misplaced key with the line to paste, and does not obey it', async () => {
      const log = await host.typed('docker logs local_store 2>&1')
      expect(log).toContain(
        'delete stands in the wrong place and has no effect; write storage: {delete: {enabled: true}}',
      )
      const client = await host.client(5000)
      const { digest } = await client.pushImage('gone', makeImage(), 'v1')
      expect((await client.delete(`/v2/gone/manifests/${digest}`)).status).toBe(405)
      await client.close()
    })

    test('has what was pushed before a restart of the container', async () => {
      const made = await host.make(`${STORE}/later`)
      await host.daemon.push(`${STORE}/later`)
      await host.typed('docker restart local_store')
      await host.untilServed(STORE)
      expect(await host.pullAndRun(`${STORE}/later`)).toBe(made.prints)
    })

    test('finds its file where people look for it', async () => {
      const shown = await host.typed('docker exec local_store cat /etc/docker/registry/config.yml')
      expect(shown).toBe(files('')['store.yml'])
    })
  })

  describe('the cache', () => {
    test('has by its bare name what is pushed to the store: docker pull local_alpine', async () => {
      expect(await host.pullAndRun('local_alpine')).toBe(before.prints)
      const made = await host.make(`${STORE}/local_busybox`)
      await host.daemon.push(`${STORE}/local_busybox`)
      expect(await host.pullAndRun('local_busybox')).toBe(made.prints)
      expect(upstream.count({ repository: 'library/local_busybox' })).toBe(0)
    })

    test('fetches what nobody has pushed, once', async () => {
      const alpine = host.hold(upstream, 'library/alpine')
      expect(await host.pullAndRun('alpine:1')).toBe(alpine.prints)
      expect(await host.pullAndRun('alpine:1')).toBe(alpine.prints)
      for (const { digest } of [alpine.config, ...alpine.layers])
        expect(upstream.count({ kind: 'blob', method: 'GET', reference: digest })).toBe(1)
    })

    test('asks anew for what registry:2 had fetched, once, and says so', async () => {
      upstream.requests = []
      for (const again of [1, 2]) {
        expect(await host.pullAndRun('before:1')).toBe(fetchedBefore.prints)
        const asked = upstream.count({ kind: 'manifest', method: 'GET', repository: 'library/before' })
        expect([again, asked]).toEqual([again, 1])
      }
      expect(upstream.count({ kind: 'blob', method: 'GET' })).toBe(0)
      const log = await host.typed('docker logs local_cache 2>&1')
      expect(log.split('nobody noted where').length).toBe(2)
    })

    test('goes on without the upstream, also after a restart of both', async () => {
      await upstream.down()
      const alpine = host.hold(upstream, 'library/alpine')
      for (const again of ['running', 'restarted']) {
        if (again === 'restarted') await host.typed('cd a && docker compose restart 2>&1')
        await untilServed()
        expect(await host.pullAndRun('alpine:1')).toBe(alpine.prints)
        expect(await host.pullAndRun('before:1')).toBe(fetchedBefore.prints)
        expect(await host.pullAndRun('local_alpine')).toBe(before.prints)
      }
      await upstream.up()
    })
  })

  test('both under load at once lose nothing, and registry:2 would collect nothing', async () => {
    const [store, cache] = [await host.client(5000), await host.client(5001)]
    await untilAsked(cache)
    const pushed = new Map<string, Image>()
    const fetched = new Map<string, Image>()
    const work = Array.from({ length: 24 }, async (_, at) => {
      const [own, theirs] = [makeImage({ layerSizeBytes: 50_000 }), makeImage({ layerSizeBytes: 50_000 })]
      const [name, remote] = [`load-${at % 12}`, `library/hub-${at % 12}`]
      const tag = `v${at}`
      upstream.hold(remote, theirs, tag)
      await Promise.all([
        store.pushImage(name, own, tag).then(() => pushed.set(`${name} ${tag}`, own)),
        pull(cache, [remote, tag], theirs).then(() => fetched.set(`${remote} ${tag}`, theirs)),
      ])
      await pull(cache, [`library/${name}`, tag], own)
    })
    await Promise.all(work)
    expect([pushed.size, fetched.size]).toEqual([24, 24])
    await upstream.down()
    for (const client of [store, cache])
      for (const [key, image] of [...pushed, ...fetched]) {
        const [repository = '', tag = ''] = key.split(' ')
        await pull(client, [repository, tag], image)
      }
    expect(await eligibleBlobs(host.join('a/cache'))).toEqual([])
    await upstream.up()
    await Promise.all([store.close(), cache.close()])
  })

  test('registry:2 takes the folder back, with what was pushed meanwhile', async () => {
    const made = await host.make(`${STORE}/meanwhile`)
    await host.daemon.push(`${STORE}/meanwhile`)
    await host.move('a', IMAGE, REGISTRY_2)
    await untilServed()
    expect(await host.pullAndRun(`${STORE}/local_alpine`)).toBe(before.prints)
    expect(await host.pullAndRun(`${STORE}/meanwhile`)).toBe(made.prints)
    expect(await host.pullAndRun('alpine:1')).toContain('random-3')
    expect(await eligibleBlobs(host.join('a/cache'))).toEqual([])
  })
})

/** Throws unless manifest and blobs come whole. */
async function pull(
  client: RegistryClient,
  [repository, tag]: readonly [repository: string, tag: string],
  image: Image,
): Promise<void> {
  expect(await client.pullManifest(repository, tag)).toEqual(image.manifest)
  for (const { descriptor, bytes } of image.blobs)
    expect((await client.pullBlob(repository, descriptor.digest)).equals(bytes)).toBe(true)
}
