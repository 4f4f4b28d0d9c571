import { mkdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'

import { beforeEach, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import type { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Image, makeImage } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import type { RegistryClient } from '../support/registry-client.js'
import { type startCore, startDockerRegistry } from '../support/targets.js'
import { useOneFolder } from './one-folder.js'
import { pullImage } from './pulls.js'

const folder = useOneFolder()
let upstream: FakeUpstream
let image: Image
/** What the upstream is called in `mirrors`, and in the store. */
let names: { readonly host: string; readonly stored: string }

beforeEach(async () => {
  upstream = await folder.upstream()
  const { host } = new URL(upstream.url)
  names = { host, stored: host.replace(':', '_') }
  image = makeImage()
  upstream.hold('library/alpine', image, '3.20')
})

/** Where the store has its repositories. */
function inStore(...below: readonly string[]): string {
  return path.join(folder.root, 'docker/registry/v2/repositories', ...below)
}

/** One process with `proxy` over the folder, as long as `work` takes. */
async function asProxy(
  work: (client: RegistryClient) => Promise<unknown>,
  start?: typeof startCore,
): Promise<void> {
  const { client, end } = await folder.serve(upstream, start)
  await work(client)
  await end()
}

/** One process with `mirrors`. */
async function asMirror(work: (client: RegistryClient) => Promise<unknown>): Promise<void> {
  const { root } = folder
  const mirror = await folder.mirror({ root, upstreams: [{ host: names.host, at: upstream }] })
  await work(mirror.mirror)
  await mirror.remove()
}

const ALPINE = ['library/alpine', '3.20'] as const

test('a folder moves from proxy to mirrors with its names moved below the host, and back, also with the upstream down', async () => {
  await asProxy((client) => pullImage(client, ALPINE, image))
  await upstream.down()
  mkdirSync(inStore(names.stored))
  renameSync(inStore('library'), inStore(names.stored, 'library'))
  await asMirror(async (client) =>
    expect(await pullImage(client, ALPINE, image)).toMatchObject({ origin: names.stored }),
  )
  renameSync(inStore(names.stored, 'library'), inStore('library'))
  await asProxy(async (client) =>
    expect(await pullImage(client, ALPINE, image)).toMatchObject({ origin: names.stored }),
  )
  expect(await eligibleBlobs(folder.root)).toEqual([])
})

describeNeeding(
  [{ program: 'docker-registry', debianPackage: 'docker-registry' }],
  'a folder of docker-registry as a proxy',
  () => {
    test('is filled anew by mirrors once its names are gone', async () => {
      await asProxy((client) => pullImage(client, ALPINE, image), startDockerRegistry)
      rmSync(inStore(), { recursive: true })
      await asMirror(async (client) =>
        expect(await pullImage(client, ALPINE, image)).toMatchObject({ origin: names.stored }),
      )
      await upstream.down()
      await asMirror((client) => pullImage(client, ALPINE, image))
      expect(await eligibleBlobs(folder.root)).toEqual([])
    })
  },
)
