import path from 'node:path'

import { expect, test } from '@jest/globals'

import { makeArtifact, makeImage, makeIndex } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import type { RegistryClient } from '../support/registry-client.js'
import { STRACE } from './needs.js'
import { serve, storeFolder } from './served.js'
import { traceProcess } from './strace.js'

/** A machine has some of them. */
const CALLS = ['?unlink', '?unlinkat', '?rename', '?renameat', '?renameat2']
const REPOSITORY = 'audit/app'

/** What was unlinked or renamed away below a folder, relative to it; also where the system said no. */
function takenFrom(folder: string, calls: readonly string[]): readonly string[] {
  return calls.flatMap((line) => {
    const source = /^\d+ +(?:unlink|rename)\w*\([^"]*"([^"]*)"/.exec(line)?.[1] ?? ''
    return source.startsWith(`${folder}/`) ? [source.slice(folder.length + 1)] : []
  })
}

/** What was renamed to a name below a folder. */
function putInto(folder: string, calls: readonly string[]): readonly string[] {
  return calls.flatMap((line) => {
    const target = /^\d+ +rename\w*\([^"]*"[^"]*", [^"]*"([^"]*)"/.exec(line)?.[1] ?? ''
    return target.startsWith(`${folder}/`) ? [path.basename(target)] : []
  })
}

async function mount(client: RegistryClient, to: string, digest: string): Promise<void> {
  const answer = await client.post(`/v2/${to}/blobs/uploads/?mount=${digest}&from=${REPOSITORY}`)
  expect(answer.status).toBe(201)
}

describeNeeding([STRACE], 'what takes nothing away (gc-protocol §12, O1)', () => {
  test('pushes, mounts, re-pushes and moves of tags never unlink or rename away data or a link', async () => {
    using store = storeFolder()
    await using served = await serve(store.root)
    const { client, core } = served
    const tree = path.join(store.root, 'docker/registry/v2')
    await using trace = await traceProcess(core.process.pid, { calls: CALLS })
    const [first, second] = [makeImage(), makeImage()]
    for (const image of [first, second, first, second]) {
      await client.pushImage(REPOSITORY, image, 'moves') // a move of the tag, and from the third on a re-push
      await client.pushManifest(REPOSITORY, image.manifest, image.manifest.descriptor.digest)
    }
    await client.pushManifest(REPOSITORY, makeIndex([first.manifest, second.manifest]), 'index')
    const { manifest, blobs } = makeArtifact('application/x.audit', {
      subject: first.manifest.descriptor,
    })
    for (const blob of blobs) await client.pushBlob(REPOSITORY, blob)
    await client.pushManifest(REPOSITORY, manifest, manifest.descriptor.digest)
    for (const { descriptor } of [...first.blobs, ...first.blobs])
      await mount(client, 'audit/mounted', descriptor.digest)
    await client.pushManifest('audit/mounted', first.manifest, 'latest')
    const crossing = [first, second, first, second].map((image) =>
      client.pushManifest(REPOSITORY, image.manifest, 'crossing'),
    )
    await Promise.all(crossing)
    await trace.detach()
    const calls = trace.calls()
    expect(putInto(tree, calls)).toEqual(expect.arrayContaining(['data', 'link', 'pushed']))
    // A push makes a tag local: the note of a mirror beside it goes.
    expect(takenFrom(tree, calls).filter((name) => path.basename(name) !== 'upstream')).toEqual([])
  }, 60_000)

  test('a DELETE is seen by the same audit', async () => {
    using store = storeFolder()
    await using served = await serve(store.root)
    const { client, core } = served
    await client.pushImage(REPOSITORY, makeImage(), 'latest')
    await using trace = await traceProcess(core.process.pid, { calls: CALLS })
    expect((await client.delete(`/v2/${REPOSITORY}/manifests/latest`)).status).toBe(202)
    await trace.detach()
    const taken = takenFrom(path.join(store.root, 'docker/registry/v2'), trace.calls())
    expect(taken).toContain(`repositories/${REPOSITORY}/_manifests/tags/latest/current/link`)
  }, 60_000)
})
