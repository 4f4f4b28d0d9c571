import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'

import { type DaemonKind, type DaemonOptions, DockerDaemon, pushedDigest } from '../support/docker-daemon.js'
import { eligibleBlobs } from '../support/distribution.js'
import { type ImageShape, ImageLayout, type LayoutImage } from '../support/image-layout.js'
import {
  type Front,
  OUTSIDE_NAME,
  ServedVolume,
  type Server,
  uploadsAmong,
} from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'

const MIB = 1024 * 1024

/**
 * Each store's own way with a broken push: the graph driver tries again by itself, the containerd store gives up, with what
 * nginx said where there is one.
 */
const BROKEN_PUSH = {
  'graph driver': { code: 0, output: expect.stringContaining('Retrying in 5 seconds') },
  containerd: {
    code: 1,
    output: expect.stringMatching(/failed|error from registry/),
  },
}

const PLATFORMS = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
]

/** What a dockerd must be able to do with a registry, whatever happens to the connection and to the registry. */
export function dockerContract(kind: DaemonKind, server: Server, front: Front = 'plain HTTP'): void {
  describe(`${kind.title} with ${server} by ${front}`, () => {
    let state: StateFolder
    let volume: ServedVolume
    let daemon: DockerDaemon
    let host: string

    beforeAll(async () => {
      state = new StateFolder()
      volume = await ServedVolume.open(state, server, front)
      host = front === 'plain HTTP' ? volume.host : `${OUTSIDE_NAME}:${volume.port}`
      daemon = await DockerDaemon.start(state.join('docker'), kind, daemonOptions(volume))
      process.stdout.write(`${kind.title}: ${await daemon.version()}`)
    })
    afterAll(async () => {
      await volume.close()
      await state.destroy()
    })

    afterEach(() => volume.faults.heal())

    /** An image that only the daemon has yet. */
    async function load(name: string, shape: Partial<ImageShape> = {}): Promise<LayoutImage> {
      const layout = new ImageLayout(state.join(`layout-${name}`))
      const image = layout.addImage(`${host}/${name}:latest`, {
        seed: `${kind.title} ${name}`,
        layers: 4,
        layerBytes: 2 * MIB,
        ...shape,
      })
      await daemon.load(layout.folder)
      return image
    }

    /** Pulls what the daemon then has from the registry only, and compares it with what was made. */
    async function expectPull(name: string, made: LayoutImage, pushed: string): Promise<void> {
      const reference = `${host}/${name}`
      const before = await daemon.identity(reference)
      await daemon.forget(reference)
      const from = volume.requests().length
      await daemon.docker('pull', reference)
      const after = await daemon.identity(reference)
      expect(after).toEqual(before)
      expect(after.diffIds).toEqual(made.diffIds)
      expect(after.repositoryDigests).toEqual([`${reference}@${pushed}`])
      expect(after.id).toBe(kind.store === 'containerd' ? pushed : made.config.digest)
      const asked = volume.requests().slice(from)
      const layers = await volume.layersOf(name, pushed)
      const expected = layers.map((digest) => `GET /v2/${name}/blobs/${digest}`)
      expect(asked.map(({ line }) => line)).toEqual(expect.arrayContaining(expected))
    }

    test('an image of eight layers comes back as it was pushed, and runs', async () => {
      const made = await load('eight', { layers: 8 })
      const pushed = await daemon.push(`${host}/eight`)
      await expectPull('eight', made, pushed)
      expect(await daemon.docker('run', '--rm', '--network', 'none', `${host}/eight`)).toBe(made.prints)
    })

    test('a push whose connection is cut in the middle of a layer gets through', async () => {
      const made = await load('cut-push')
      const cut = volume.faults.cutOnce('up', MIB)
      const first = await daemon.attempt('push', `${host}/cut-push`)
      await cut
      expect(first).toEqual(BROKEN_PUSH[kind.store])
      const pushed = first.code === 0 ? pushedDigest(first.output) : await daemon.push(`${host}/cut-push`)
      await expectPull('cut-push', made, pushed)
    })

    test('a push during which the registry is killed and started again gets through', async () => {
      const made = await load('killed-push')
      const midway = volume.faults.passed('up', 3 * MIB)
      const pushing = daemon.attempt('push', `${host}/killed-push`)
      await midway
      await volume.kill()
      await volume.serveWith(server)
      const first = await pushing
      expect(first).toEqual(BROKEN_PUSH[kind.store])
      const pushed = first.code === 0 ? pushedDigest(first.output) : await daemon.push(`${host}/killed-push`)
      await expectPull('killed-push', made, pushed)
    })

    test('an image whose push was acknowledged survives the kill of the registry', async () => {
      const made = await load('survivor')
      const pushed = await daemon.push(`${host}/survivor`)
      await volume.kill()
      await volume.serveWith(server)
      await expectPull('survivor', made, pushed)
    })

    test('a pull whose connection is cut in the middle of a layer goes on where it was', async () => {
      const made = await load('cut-pull')
      const pushed = await daemon.push(`${host}/cut-pull`)
      const cut = volume.faults.cutOnce('down', MIB)
      const from = volume.requests().length
      await expectPull('cut-pull', made, pushed)
      await cut
      const resumed = volume
        .requests()
        .slice(from)
        .filter(({ isPartial }) => isPartial)
      expect(resumed).toHaveLength(1)
    })

    test('layers that another repository has are mounted, not sent again', async () => {
      const base = { seed: `${kind.title} base`, layers: 3, layerBytes: 2 * MIB }
      await load('base', base)
      await daemon.push(`${host}/base`)
      const made = await load('derived', { layers: 1, base })
      const from = volume.requests().length
      const pushed = await daemon.push(`${host}/derived`)
      const shared = await volume.layersOf('base', 'latest')
      const sent = uploadsAmong(volume.requests().slice(from))
      expect(sent.filter((digest) => shared.includes(digest))).toEqual([])
      expect(sent).toHaveLength(['its own layer', 'its config'].length)
      await daemon.forget(`${host}/base`)
      await expectPull('derived', made, pushed)
    })

    test('the same layers pushed to two repositories at once are whole in both', async () => {
      const made = await load('twin-a')
      await daemon.docker('tag', `${host}/twin-a`, `${host}/twin-b`)
      const [first, second] = await Promise.all([
        daemon.push(`${host}/twin-a`),
        daemon.push(`${host}/twin-b`),
      ])
      expect(second).toBe(first)
      await daemon.docker('image', 'rm', `${host}/twin-b`)
      await expectPull('twin-a', made, first)
      await daemon.forget(`${host}/twin-a`)
      await daemon.docker('pull', `${host}/twin-b`)
      expect((await daemon.identity(`${host}/twin-b`)).diffIds).toEqual(made.diffIds)
    })

    test('an image that was deleted is gone for the daemon, and can be pushed again', async () => {
      const made = await load('deleted')
      const reference = `${host}/deleted`
      const first = await daemon.push(reference)
      expect(await volume.client.delete(`/v2/deleted/manifests/${first}`)).toMatchObject({ status: 202 })
      const pull = await daemon.attempt('pull', reference)
      expect(pull).toEqual({ code: 1, output: expect.stringMatching(/manifest unknown|not found/) })
      const second = await daemon.push(reference)
      expect(second).toBe(first)
      await expectPull('deleted', made, second)
    })

    // The graph driver keeps one platform of an image only.
    const testWithIndexes = kind.store === 'containerd' ? test : () => undefined
    testWithIndexes('an index is pushed with the images of all its platforms', async () => {
      const layout = new ImageLayout(state.join('layout-platforms'))
      const shape = { seed: `${kind.title} platforms`, layers: 2, layerBytes: MIB }
      const { index, images } = layout.addIndex(`${host}/platforms:latest`, shape, PLATFORMS)
      await daemon.load(layout.folder)
      expect(await daemon.push(`${host}/platforms`)).toBe(index.digest)
      for (const { manifest } of images) {
        expect((await volume.manifest('platforms', manifest.digest)).digest).toBe(manifest.digest)
      }
      await daemon.forget(`${host}/platforms`)
      await daemon.docker('pull', '--platform', 'linux/arm64', `${host}/platforms`)
      expect((await daemon.identity(`${host}/platforms`)).id).toBe(index.digest)
    })

    test("Distribution's collector finds nothing to delete in what was pushed", async () => {
      expect(await eligibleBlobs(volume.root)).toEqual([])
    })
  })
}

/** With TLS the daemon has a network of its own, because it checks no certificate of the machine's loopback. */
export function daemonOptions(volume: ServedVolume): DaemonOptions {
  if (volume.caFile === undefined) return {}
  const host = `${OUTSIDE_NAME}:${volume.port}`
  return {
    bridge: true,
    hosts: { [OUTSIDE_NAME]: '10.0.2.2' },
    authorities: { [host]: volume.caFile },
    ...(volume.clientCertificate && { certificates: { [host]: volume.clientCertificate } }),
  }
}
