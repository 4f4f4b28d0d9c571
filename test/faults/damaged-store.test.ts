import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { type Image, makeArtifact, makeImage, randomLayer } from '../support/images.js'
import { type Answer, locationOf, withDigest } from '../support/registry-client.js'
import { blobFolder, errorOf, type Served, serve, storeFolder } from './served.js'

const REPOSITORY = 'damage/app'

/** Where the links of a store lie, below its repository. */
const LINKS = {
  layer: (digest: string) => `_layers/${digest.replace(':', '/')}/link`,
  revision: (digest: string) => `_manifests/revisions/${digest.replace(':', '/')}/link`,
  tag: (tag: string) => `_manifests/tags/${tag}/current/link`,
}

/** What can lie where a file should, instead of it. */
const DAMAGES: Readonly<Record<string, (file: string) => void>> = {
  'an empty file': (file) => truncateSync(file, 0),
  garbage: (file) => writeFileSync(file, 'no digest, no manifest, no layer\n'),
  'its first half': (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
  'a symbolic link to a copy': (file) => {
    writeFileSync(`${file}-copy`, readFileSync(file))
    rmSync(file)
    symlinkSync(`${file}-copy`, file)
  },
  'a symbolic link to nothing': (file) => {
    rmSync(file)
    symlinkSync('/nowhere', file)
  },
  'a pipe': (file) => {
    rmSync(file)
    execFileSync('mkfifo', [file])
  },
  'a folder': (file) => {
    rmSync(file)
    mkdirSync(file)
  },
  'a hard link to a secret': (file) => {
    writeFileSync(`${file}-secret`, 'root:secret\n')
    rmSync(file)
    linkSync(`${file}-secret`, file)
  },
}
const KINDS = Object.keys(DAMAGES)

describe('a store with damage', () => {
  const store = storeFolder()
  let served: Served

  beforeAll(async () => {
    served = await serve(store.root)
  }, 30_000)

  afterAll(async () => {
    await served[Symbol.asyncDispose]()
    store[Symbol.dispose]()
  }, 30_000)

  const link = (name: string): string =>
    path.join(store.root, 'docker/registry/v2/repositories', REPOSITORY, name)

  let tag = ''
  async function push(): Promise<Image> {
    tag = `t${randomUUID()}`
    const image = makeImage({ layerSizeBytes: 200_000 })
    await served.client.pushImage(REPOSITORY, image, tag)
    return image
  }

  /** Undefined when the connection broke. */
  async function answerOf(target: string): Promise<Answer | undefined> {
    try {
      return await served.client.get(target)
    } catch {
      return undefined
    }
  }

  /** Broken off, or not found: never an error of the server, never a whole answer with anything else. */
  async function expectGone(target: string): Promise<void> {
    expect([404, undefined]).toContain((await answerOf(target))?.status)
    expect((await answerOf(target))?.status).toBe(404)
    expect((await served.client.get('/v2/')).status).toBe(200)
  }

  async function expectHealed(image: Image): Promise<void> {
    await served.client.pushImage(REPOSITORY, image, tag)
    expect(await served.client.pullManifest(REPOSITORY, tag)).toEqual(image.manifest)
    for (const { descriptor } of image.blobs) await served.client.pullBlob(REPOSITORY, descriptor.digest)
  }

  function damage(kind: string, file: string): void {
    DAMAGES[kind]?.(file)
    // Nothing that was kept in memory may hide it: the file is another one now.
    if (existsSync(file)) utimesSync(file, new Date(1_700_000_000_000), new Date(1_700_000_000_000))
  }

  test.each(KINDS)('%s in place of a manifest: 404, and a push heals', async (kind) => {
    const image = await push()
    const { digest } = image.manifest.descriptor
    damage(kind, path.join(blobFolder(store.root, digest), 'data'))
    await expectGone(`/v2/${REPOSITORY}/manifests/${tag}`)
    await expectGone(`/v2/${REPOSITORY}/manifests/${digest}`)
    await expectHealed(image)
  })

  test.each(KINDS)(
    '%s in place of a layer that nobody here has hashed: never whole, and a push heals',
    async (kind) => {
      const image = await push()
      const digest = String(image.blobs.at(-1)?.descriptor.digest)
      const folder = blobFolder(store.root, digest)
      rmSync(path.join(folder, 'lease')) // as registry:2 leaves it
      damage(kind, path.join(folder, 'data'))
      await expectGone(`/v2/${REPOSITORY}/blobs/${digest}`)
      await expectHealed(image)
    },
  )

  test.each([
    'an empty file',
    'a symbolic link to a copy',
    'a symbolic link to nothing',
    'a pipe',
    'a folder',
  ])('%s in place of a layer that was hashed: 404, and a push heals', async (kind) => {
    const image = await push()
    const digest = String(image.blobs.at(-1)?.descriptor.digest)
    damage(kind, path.join(blobFolder(store.root, digest), 'data'))
    await expectGone(`/v2/${REPOSITORY}/blobs/${digest}`)
    expect((await served.client.head(`/v2/${REPOSITORY}/blobs/${digest}`)).status).toBe(404)
    await expectHealed(image)
  })

  test.each(KINDS)('%s in place of a link: 404, and a push heals', async (kind) => {
    const image = await push()
    const layer = String(image.blobs.at(-1)?.descriptor.digest)
    const { digest } = image.manifest.descriptor
    damage(kind, link(LINKS.layer(layer)))
    await expectGone(`/v2/${REPOSITORY}/blobs/${layer}`)
    damage(kind, link(LINKS.revision(digest)))
    await expectGone(`/v2/${REPOSITORY}/manifests/${digest}`)
    damage(kind, link(LINKS.tag(tag)))
    await expectGone(`/v2/${REPOSITORY}/manifests/${tag}`)
    expect((await served.client.get(`/v2/${REPOSITORY}/tags/list`)).status).toBe(200)
    await expectHealed(image)
  })

  test('a folder where bytes belong does not withstand a push', async () => {
    const image = makeImage()
    for (const { descriptor } of [...image.blobs, image.manifest])
      mkdirSync(path.join(blobFolder(store.root, descriptor.digest), 'data', 'full'), { recursive: true })
    tag = 'pushed'
    await expectHealed(image)
  })

  test('a link that names another digest does not give its bytes away', async () => {
    const image = await push()
    const secret = randomLayer()
    await served.client.pushBlob('damage/secret', secret)
    const layer = String(image.blobs.at(-1)?.descriptor.digest)
    writeFileSync(link(LINKS.layer(layer)), secret.descriptor.digest)
    await expectGone(`/v2/${REPOSITORY}/blobs/${layer}`)
    writeFileSync(link(LINKS.revision(image.manifest.descriptor.digest)), secret.descriptor.digest)
    await expectGone(`/v2/${REPOSITORY}/manifests/${image.manifest.descriptor.digest}`)
    await expectHealed(image)
  })

  test('one flipped byte in an adopted layer: a broken connection, then quarantined, and a push heals', async () => {
    const image = await push()
    const digest = String(image.blobs.at(-1)?.descriptor.digest)
    const folder = blobFolder(store.root, digest)
    rmSync(path.join(folder, 'lease'))
    const bytes = readFileSync(path.join(folder, 'data'))
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100)
    writeFileSync(path.join(folder, 'data'), bytes)
    await expect(served.client.get(`/v2/${REPOSITORY}/blobs/${digest}`)).rejects.toThrow('closed')
    const hex = digest.slice('sha256:'.length)
    expect(readdirSync(path.join(store.root, 'entrepot/quarantine/sha256')).join(' ')).toContain(hex)
    await expectGone(`/v2/${REPOSITORY}/blobs/${digest}`)
    await expectHealed(image)
  })

  test('an adopted layer that is right is hashed by its first pull', async () => {
    const layer = randomLayer(300_000)
    await served.client.pushBlob(REPOSITORY, layer)
    const lease = path.join(blobFolder(store.root, layer.descriptor.digest), 'lease')
    rmSync(lease)
    await served.client.pullBlob(REPOSITORY, layer.descriptor.digest)
    expect(existsSync(lease)).toBe(true)
  })

  test.each(['an empty file', 'garbage', 'a pipe', 'a folder'])(
    '%s in place of the state of an upload: it is unknown, another one works',
    async (kind) => {
      const { client } = served
      const layer = randomLayer(10_000)
      const location = locationOf(await client.patch(await client.startUpload(REPOSITORY), layer.bytes))
      const upload = path.join(store.root, 'entrepot/uploads', path.basename(location))
      for (const name of readdirSync(upload).filter((one) => one.startsWith('settled')))
        damage(kind, path.join(upload, name))
      // The process itself remembers; another one has nothing but the files.
      await using other = await serve(store.root)
      for (const answer of [
        await other.client.get(location),
        await other.client.patch(location, layer.bytes),
        await other.client.put(withDigest(location, layer.descriptor.digest)),
      ])
        expect([answer.status, errorOf(answer.body).code]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
      await other.client.pushBlob(REPOSITORY, layer)
    },
    30_000,
  )

  test.each(KINDS)('%s in place of an entry of the referrers index: the others are listed', async (kind) => {
    const { client } = served
    const subject = await push()
    const artifacts = [1, 2].map(() =>
      makeArtifact('application/x.test', { subject: subject.manifest.descriptor }),
    )
    for (const artifact of artifacts) await client.pushImage(REPOSITORY, artifact)
    const { digest } = subject.manifest.descriptor
    const folder = link(`_referrers/${digest.replace(':', '/')}`)
    const entry = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith(String(artifacts[0]?.manifest.descriptor.digest.replace(':', '-'))),
    )
    damage(kind, path.join(folder, String(entry)))
    const answer = await client.get(`/v2/${REPOSITORY}/referrers/${digest}`)
    expect(answer.status).toBe(200)
    const { manifests } = answer.json() as { manifests: readonly { digest: string }[] }
    const digests = manifests.map((one) => one.digest)
    expect(digests).toContain(artifacts[1]?.manifest.descriptor.digest)
    expect(new Set(digests).size).toBe(digests.length)
    const known = artifacts.map(({ manifest }) => manifest.descriptor.digest)
    for (const one of digests) expect(known).toContain(one)
  })
})
