import path from 'node:path'

import { beforeEach, expect, test } from '@jest/globals'

import { passwordOf, writeHtpasswd } from '../support/accounts.js'
import { type Image, makeImage } from '../support/images.js'
import type { Mirror } from '../support/mirror.js'
import { describeNeeding } from '../support/needs.js'
import { expectStatus, RegistryClient } from '../support/registry-client.js'
import { startDockerRegistry, type Target } from '../support/targets.js'
import { TcpFaults } from '../support/tcp-faults.js'
import { TokenServer } from '../support/token-server.js'
import { useOneFolder } from './one-folder.js'
import { getManifest, pullImage } from './pulls.js'

const REPOSITORY = 'org/img'
const LAYER_BYTES = 3 * 1024 * 1024
const NAME = 'owner'
const PASSWORD = `${NAME}-password`

const folder = useOneFolder()

/** How it wants to know who asks, and what the one who pushes says. */
interface Way {
  readonly auth?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** Hosts that may see the password besides. */
  readonly realms?: readonly string[]
}

const WAYS: readonly { readonly title: string; way(): Promise<Way> }[] = [
  { title: 'that lets everybody in', way: async () => ({}) },
  {
    title: 'with an htpasswd file',
    way: async () => {
      const file = path.join(folder.path, 'htpasswd')
      writeHtpasswd(file, NAME)
      return { auth: { htpasswd: { realm: 'hub', path: file } }, headers: passwordOf(NAME) }
    },
  },
  {
    title: 'with a token server',
    way: async () => {
      const tokens = await TokenServer.start(folder.path)
      folder.atTheEnd(() => tokens.close())
      const token = tokens.tokenFor(NAME, [`repository:${REPOSITORY}:pull,push`])
      const { host } = new URL(tokens.settings['realm'] ?? '')
      return {
        auth: { token: tokens.settings },
        headers: { authorization: `Bearer ${token}` },
        realms: [host],
      }
    },
  },
]

describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'docker-registry as an upstream',
  () => {
    let image: Image
    let line: TcpFaults
    let hub: Target
    let mirror: Mirror

    /** One that has the image, and a mirror of it that reaches it by a line that can break. */
    async function open({ auth, headers, realms }: Way): Promise<void> {
      hub = await startDockerRegistry({ config: auth ? { auth } : {} })
      folder.atTheEnd(() => hub.remove())
      const client = new RegistryClient(hub.baseUrl, headers ? { headers } : {})
      folder.atTheEnd(() => client.close())
      for (const tag of ['v1', 'v2']) await client.pushImage(REPOSITORY, image, tag)
      line = await TcpFaults.start()
      folder.atTheEnd(() => line.close())
      line.targetPorts = [hub.port]
      const login = auth && { username: NAME, password: PASSWORD, expose: 'all' }
      mirror = await folder.mirror({
        upstreams: [
          {
            host: 'docker.io',
            urls: [`http://127.0.0.1:${line.port}`],
            allowAddresses: ['127.0.0.0/8'],
            ...login,
            ...(realms && { realms }),
          },
        ],
      })
    }

    beforeEach(() => {
      image = makeImage({ layers: 2, layerSizeBytes: LAYER_BYTES })
    })

    /** How often a blob was asked for, and from where. */
    const blobRequests = (): readonly string[] =>
      line.requests.filter((head) => head.startsWith(`GET /v2/${REPOSITORY}/blobs/`))

    test.each(WAYS)('$title: an image is pulled, once, and outlives it', async ({ way }) => {
      await open(await way())
      await pullImage(mirror.mirror, [REPOSITORY, 'v1'], image)
      expect(blobRequests()).toHaveLength(3)
      await pullImage(mirror.connect(), [REPOSITORY, 'v1'], image)
      expect(blobRequests()).toHaveLength(3)
      await hub.stop()
      await mirror.restart('by kill -9')
      await pullImage(mirror.connect(), [REPOSITORY, 'v1'], image)
      expect(mirror.core.process.log()).not.toContain(PASSWORD)
    })

    test.each(WAYS)(
      '$title: its tags are listed, and that it knows no referrers is an empty list',
      async ({ way }) => {
        await open(await way())
        const tags = expectStatus(await mirror.mirror.get(`/v2/${REPOSITORY}/tags/list`), 200)
        expect(tags.json()).toEqual({ name: REPOSITORY, tags: ['v1', 'v2'] })
        const { digest } = image.manifest.descriptor
        const referrers = expectStatus(await mirror.mirror.get(`/v2/${REPOSITORY}/referrers/${digest}`), 200)
        expect(referrers.json()).toMatchObject({ schemaVersion: 2, manifests: [] })
        expect((await getManifest(mirror.mirror, REPOSITORY, 'v3')).status).toBe(404)
      },
    )

    test.each(WAYS)('$title: a layer that is cut goes on where it ended', async ({ way }) => {
      await open(await way())
      expectStatus(await getManifest(mirror.mirror, REPOSITORY, 'v1'), 200)
      const cut = line.cutOnce('down', LAYER_BYTES / 2)
      await pullImage(mirror.mirror, [REPOSITORY, 'v1'], image)
      await cut
      const resumed = blobRequests().filter((head) => /\r\nrange: bytes=[1-9]\d*-\r\n/i.test(head))
      expect(resumed).toHaveLength(1)
    })
  },
)
