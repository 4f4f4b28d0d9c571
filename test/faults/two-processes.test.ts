import { expect, test } from '@jest/globals'

import { chanceFrom, chooseSeed } from '../programs/stress/chance.js'
import { nowMs } from '../programs/stress/history.js'
import { checkDistinctWrites, type Operation } from '../programs/stress/register.js'
import { eligibleBlobs } from '../support/distribution.js'
import { makeArtifact, makeImage, randomLayer } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { expectStatus, type RegistryClient } from '../support/registry-client.js'
import { leftOvers } from './left-overs.js'
import { DISTRIBUTION } from './needs.js'
import { serve, storeFolder } from './served.js'

const REPOSITORY = 'both/app'

/** The digest that a tag holds, undefined when there is no such tag. */
async function read(client: RegistryClient, tag: string): Promise<string | undefined> {
  const answer = expectStatus(await client.head(`/v2/${REPOSITORY}/manifests/${tag}`), 200, 404)
  return answer.status === 404 ? undefined : answer.header('docker-content-digest')
}

async function tags(client: RegistryClient): Promise<readonly string[]> {
  const answer = expectStatus(await client.get(`/v2/${REPOSITORY}/tags/list`), 200)
  return (answer.json() as { readonly tags: readonly string[] }).tags
}

describeNeeding([DISTRIBUTION], 'two registries on one volume', () => {
  test('what one has pushed, moved or deleted is so for the other at once', async () => {
    using store = storeFolder()
    await using first = await serve(store.root)
    await using second = await serve(store.root)
    const [a, b] = [first.client, second.client]
    for (let round = 0; round < 5; round += 1) {
      const image = makeImage()
      await a.pushImage(REPOSITORY, image, 'latest')
      expect(await b.pullManifest(REPOSITORY, 'latest')).toEqual(image.manifest)
      for (const { descriptor } of image.blobs) await b.pullBlob(REPOSITORY, descriptor.digest)
      expect(await tags(b)).toContain('latest')
      await b.pushManifest(REPOSITORY, image.manifest, `round-${round}`)
      expect(await tags(a)).toContain(`round-${round}`)
      const artifact = makeArtifact('application/x.test', { subject: image.manifest.descriptor })
      await b.pushImage(REPOSITORY, artifact)
      const referrers = await a.get(`/v2/${REPOSITORY}/referrers/${image.manifest.descriptor.digest}`)
      expect(referrers.body.toString()).toContain(artifact.manifest.descriptor.digest)

      expectStatus(await a.delete(`/v2/${REPOSITORY}/manifests/round-${round}`), 202)
      expect(await read(b, `round-${round}`)).toBeUndefined()
      expect(await tags(b)).not.toContain(`round-${round}`)
      expectStatus(await b.delete(`/v2/${REPOSITORY}/manifests/${image.manifest.descriptor.digest}`), 202)
      expect(await read(a, 'latest')).toBeUndefined()
      expect(await read(a, image.manifest.descriptor.digest)).toBeUndefined()
      const blob = await a.pushBlob(REPOSITORY, randomLayer())
      expectStatus(await b.head(`/v2/${REPOSITORY}/blobs/${blob.digest}`), 200)
      expectStatus(await b.delete(`/v2/${REPOSITORY}/blobs/${blob.digest}`), 202)
      expectStatus(await a.get(`/v2/${REPOSITORY}/blobs/${blob.digest}`), 404)
    }
    expect(leftOvers(store.root)).toEqual([])
  }, 60_000)

  test('fifty pushes of one tag at once, through both: for every reader it is a register', async () => {
    using store = storeFolder()
    const chance = chanceFrom(chooseSeed('fifty pushes'))
    await using first = await serve(store.root)
    await using second = await serve(store.root)
    const clients = [first.client, second.client]
    const either = (): RegistryClient => (chance() < 0.5 ? first.client : second.client)
    const images = Array.from({ length: 50 }, () => makeImage({ layers: 0 }))
    for (const { blobs } of images) for (const blob of blobs) await either().pushBlob(REPOSITORY, blob)
    const history: Operation[] = []
    const timed = async (run: () => Promise<Pick<Operation, 'kind' | 'value'>>): Promise<void> => {
      const startMs = nowMs()
      const operation = await run()
      history.push({ ...operation, startMs, endMs: nowMs() })
    }
    let isOver = false
    const readers = clients.flatMap((client) =>
      [1, 2].map(async () => {
        while (!isOver) await timed(async () => ({ kind: 'read', value: await read(client, 'busy') }))
      }),
    )
    try {
      await Promise.all(
        images.map(({ manifest }) =>
          timed(async () => {
            await either().pushManifest(REPOSITORY, manifest, 'busy')
            return { kind: 'write', value: manifest.descriptor.digest }
          }),
        ),
      )
    } finally {
      isOver = true
    }
    await Promise.all(readers)
    for (const client of clients)
      await timed(async () => ({ kind: 'read', value: await read(client, 'busy') }))
    expect(history.filter(({ kind }) => kind === 'read').length).toBeGreaterThan(20)
    expect(checkDistinctWrites(history)).toBe(true)
    const eligible = new Set(await eligibleBlobs(store.root))
    for (const { manifest } of images) {
      expect(eligible).not.toContain(manifest.descriptor.digest)
      await first.client.pullManifest(REPOSITORY, manifest.descriptor.digest)
    }
    expect(leftOvers(store.root)).toEqual([])
  }, 60_000)

  test('both start at once on an empty folder: it is one store', async () => {
    using store = storeFolder()
    const both = await Promise.all([serve(store.root), serve(store.root)])
    try {
      const [first, second] = both
      const image = makeImage()
      await first.client.pushImage(REPOSITORY, image, 'latest')
      expect(await second.client.pullManifest(REPOSITORY, 'latest')).toEqual(image.manifest)
      const ids = both.map(({ core }) => /"id":"([0-9a-f-]{36})"/.exec(core.process.log())?.[1])
      expect(ids[0]).toBeDefined()
      expect(ids[1]).toBe(ids[0])
    } finally {
      for (const served of both) await served[Symbol.asyncDispose]()
    }
  }, 30_000)
})
