import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import { startMirror } from '../support/mirror.js'
import { describeNeeding } from '../support/needs.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore, startDockerRegistry } from '../support/targets.js'
import { pullImage } from './pulls.js'

let folder: string
let root: string
let repositories: string
let upstream: FakeUpstream
/** What the upstream is called in `mirrors`, and in the store. */
let host: string
let stored: string
let image: Image

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  root = path.join(folder, 'store')
  repositories = path.join(root, 'docker/registry/v2/repositories')
  upstream = await FakeUpstream.start()
  host = new URL(upstream.url).host
  stored = host.replace(':', '_')
  image = makeImage()
  upstream.hold('library/alpine', image, '3.20')
})
afterEach(async () => {
  await upstream.close()
  rmSync(folder, { recursive: true, force: true })
})

/** One process with `proxy` over the folder, as long as `work` takes. */
async function asProxy(
  work: (client: RegistryClient) => Promise<unknown>,
  start: typeof startCore = startCore,
): Promise<void> {
  const core = await start({ root, config: { proxy: { remoteurl: upstream.url } } })
  const client = new RegistryClient(core.baseUrl)
  try {
    await work(client)
  } finally {
    await client.close()
    await core.remove()
  }
}

/** One process with `mirrors`. */
async function asMirror(work: (client: RegistryClient) => Promise<unknown>): Promise<void> {
  const mirror = await startMirror({ root, upstreams: [{ host, at: upstream }] })
  try {
    await work(mirror.mirror)
  } finally {
    await mirror.remove()
  }
}

const ALPINE = ['library/alpine', '3.20'] as const

test('a folder moves from proxy to mirrors with its names moved below the host, and back, also with the upstream down', async () => {
  await asProxy((client) => pullImage(client, ALPINE, image))
  await upstream.down()
  mkdirSync(path.join(repositories, stored))
  renameSync(path.join(repositories, 'library'), path.join(repositories, stored, 'library'))
  await asMirror(async (client) =>
    expect(await pullImage(client, ALPINE, image)).toMatchObject({ origin: stored }),
  )
  renameSync(path.join(repositories, stored, 'library'), path.join(repositories, 'library'))
  await asProxy(async (client) =>
    expect(await pullImage(client, ALPINE, image)).toMatchObject({ origin: stored }),
  )
  expect(await eligibleBlobs(root)).toEqual([])
})

describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'a folder of docker-registry as a proxy',
  () => {
    test('is filled anew by mirrors once its names are gone', async () => {
      await asProxy((client) => pullImage(client, ALPINE, image), startDockerRegistry)
      rmSync(repositories, { recursive: true })
      await asMirror(async (client) =>
        expect(await pullImage(client, ALPINE, image)).toMatchObject({ origin: stored }),
      )
      await upstream.down()
      await asMirror((client) => pullImage(client, ALPINE, image))
      expect(await eligibleBlobs(root)).toEqual([])
    })
  },
)
