import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'

import { expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { type Image, makeImage } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { RegistryClient } from '../support/registry-client.js'
import { startDockerRegistry } from '../support/targets.js'
import { DISTRIBUTION } from './needs.js'
import { serve, storeFolder } from './served.js'

interface Ready {
  readonly status: string
  readonly warnings: readonly string[]
}

/** Ready all the same: what this process serves is whole. */
async function warningsOf(client: RegistryClient): Promise<readonly string[]> {
  const answer = await client.get('/readyz')
  expect(answer.status).toBe(200)
  return (answer.json() as Ready).warnings
}

/** By a docker-registry on the same folder. */
async function pushTheirs(root: string, image: Image): Promise<void> {
  const foreign = await startDockerRegistry({ root })
  const client = new RegistryClient(foreign.baseUrl)
  try {
    await client.pushImage('foreign/app', image, 'theirs')
  } finally {
    await client.close()
    await foreign.remove()
  }
}

describeNeeding([DISTRIBUTION], 'another program that writes the volume', () => {
  test('registry:2 pushing to it is said, in the log and in /readyz, and serving goes on', async () => {
    using store = storeFolder()
    {
      await using first = await serve(store.root)
      await first.client.pushImage('foreign/app', makeImage(), 'ours')
      expect(await warningsOf(first.client)).toEqual([])
    }
    const image = makeImage()
    await pushTheirs(store.root, image)
    await using served = await serve(store.root)
    const { client, core } = served
    const [warning] = await eventually('the warning', async () => {
      const warnings = await warningsOf(client)
      return warnings.length > 0 && warnings
    })
    expect(warning).toContain('registry:2')
    expect(warning).toContain(image.manifest.descriptor.digest)
    expect(warning).toContain('stop that process')
    await eventually('a line of the log', () => core.process.log().includes('stop that process'))
    expect(await client.pullManifest('foreign/app', 'theirs')).toEqual(image.manifest)
    await client.pushImage('foreign/app', makeImage(), 'ours')
  }, 30_000)

  test.each([
    [
      'an open upload of its own',
      'docker/registry/v2/repositories/foreign/app/_uploads/x/hashstates/sha256/0',
    ],
    ["a mirror's list of what to delete", 'scheduler-state.json'],
  ])(
    '%s is said too',
    async (_, name) => {
      using store = storeFolder()
      {
        await using first = await serve(store.root)
        await first.client.pushImage('foreign/app', makeImage(), 'ours')
      }
      const file = path.join(store.root, name)
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, '{}')
      {
        await using served = await serve(store.root)
        await eventually('the warning', async () => (await warningsOf(served.client)).length > 0)
      }
      rmSync(file)
      rmSync(path.dirname(path.join(store.root, 'docker/registry/v2/repositories/foreign/app/_uploads/x')), {
        recursive: true,
        force: true,
      })
      await using again = await serve(store.root)
      await again.client.pushImage('foreign/app', makeImage(), 'ours')
      expect(await warningsOf(again.client)).toEqual([])
    },
    30_000,
  )

  test('what lay there before the folder became a store is no warning', async () => {
    using store = storeFolder()
    const image = makeImage()
    await pushTheirs(store.root, image)
    const earlier = new Date('2026-01-01')
    const digest = image.manifest.descriptor.digest.replace(':', '/')
    const revision = `docker/registry/v2/repositories/foreign/app/_manifests/revisions/${digest}/link`
    utimesSync(path.join(store.root, revision), earlier, earlier)
    await using served = await serve(store.root)
    expect(await served.client.pullManifest('foreign/app', 'theirs')).toEqual(image.manifest)
    expect(await warningsOf(served.client)).toEqual([])
  }, 30_000)
})
