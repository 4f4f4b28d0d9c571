import { beforeEach, expect, test } from '@jest/globals'
import { NamedContent } from '#core/mirror/questions/named-content.js'
import { openDownloads } from '#core/mirror/downloads/downloads.js'
import type { MirroredName } from '#core/mirror/mirrored-name.js'
import { MirroredRepository } from '#core/mirror/mirrored-repository.js'
import { UndeliveredBlobs } from '#core/mirror/undelivered.js'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import { silentLog } from '../simulated-store.js'
import { digestOf } from '../store-bench.js'
import { ALPINE, MirrorOfScript, REQUEST, settle } from './mirror-of-script.js'
import { fetched } from './scripted-upstream.js'

const { signal } = new AbortController()
/** What a scripted upstream has, whatever it is asked for. */
const BLOB = digestOf(Buffer.from('abc'))
const PAGE = { limit: undefined, last: undefined }
const DEBIAN: MirroredName = {
  host: 'docker.io',
  remote: parseRepositoryName('library/debian'),
  stored: parseRepositoryName('docker.io/library/debian'),
}

let mirror: MirrorOfScript
let counted: string[]
let open: (name?: MirroredName) => MirroredRepository

beforeEach(async () => {
  mirror = await MirrorOfScript.open()
  counted = []
  const { store } = mirror.core
  const parts = {
    store,
    upstream: mirror.scripted,
    manifests: mirror.manifests,
    whenMissing: 404 as const,
    downloads: openDownloads({ store, clock: mirror.clock, log: silentLog }),
    named: new NamedContent(),
    questions: mirror.questions,
    clock: mirror.clock,
    undelivered: new UndeliveredBlobs({ clock: mirror.clock }),
    counters: {
      answered: (cache: string) => void counted.push(cache),
      saved: (bytes: number) => void counted.push(`saved ${bytes}`),
    },
  }
  open = (name = ALPINE) => new MirroredRepository(name, parts, '192.0.2.1')
})

async function pullBlob(name: MirroredName, wantsBytes = true): Promise<void> {
  const pulled = await open(name).blob(BLOB, { wantsBytes, promise: false, signal: () => signal })
  if (pulled?.value.kind !== 'growing') return
  for await (const piece of pulled.value.content.read(0, undefined, signal))
    expect(piece.length).toBeGreaterThan(0)
}

test('each answer is counted once, manifests with what they saved', async () => {
  mirror.scripted.has('latest', fetched('{"a":1}'))
  for (let pull = 1; pull <= 2; pull += 1) await open().manifest(parseReference('latest'), REQUEST)
  expect(counted).toEqual(['miss', 'hit', 'saved 7'])
})

test('blobs too, also those that come, and those that are here for another repository', async () => {
  await pullBlob(ALPINE)
  await pullBlob(ALPINE)
  await pullBlob(DEBIAN)
  await pullBlob(DEBIAN, false)
  expect(counted).toEqual(['miss', 'hit', 'saved 3', 'hit', 'saved 3', 'hit', 'saved 0'])
})

test('a HEAD of a blob that is not here is a miss', async () => {
  await pullBlob(ALPINE, false)
  expect(counted).toEqual(['miss'])
})

test('lists too, of which nobody knows what they saved', async () => {
  await open().tags(PAGE, () => signal)
  await open().referrers(BLOB, { artifactType: undefined, ...PAGE }, () => signal)
  expect(counted).toEqual(['miss', 'miss'])
})

test('lists are not waited for longer than five seconds, and what is here is listed then', async () => {
  mirror.scripted.has('latest', fetched('{"a":1}'))
  await open().manifest(parseReference('latest'), REQUEST)
  mirror.scripted.hangs()
  const listed = open().tags(PAGE, () => signal)
  await settle()
  await mirror.clock.advance(5000)
  expect(await listed).toMatchObject({ value: { tags: ['latest'] }, served: { cache: 'stale' } })
})

test('what is refused is no answer', async () => {
  mirror.scripted.fails(new UpstreamFailure('dns', 'no address'))
  await expect(open().manifest(parseReference('latest'), REQUEST)).rejects.toThrow('docker.io')
  await expect(pullBlob(ALPINE)).rejects.toThrow('docker.io')
  expect(counted).toEqual([])
})
