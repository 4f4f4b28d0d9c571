import { beforeEach, describe, expect, test } from '@jest/globals'

import { openDownloads } from '#core/mirror/downloads/downloads.js'
import { MirroredRepository } from '#core/mirror/mirrored-repository.js'
import { UndeliveredBlobs } from '#core/mirror/undelivered.js'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import type { FetchedManifest } from '#core/mirror/upstream/upstream.js'
import { type Digest, digestOfBytes } from '#core/oci/digest.js'
import { parseReference } from '#core/oci/reference.js'
import { parseRepositoryName } from '#core/oci/repository.js'
import type { Source } from '#core/registry/source.js'
import { silentLog } from '../simulated-store.js'
import { ALPINE, MirrorOfScript, REQUEST } from './mirror-of-script.js'
import { fetched } from './scripted-upstream.js'

/** Attack row 61. */
const MADE_UP = 100_000
/** The same for other ways to ask, which end at the same place. */
const FEWER = 10_000
/** What one client may find out in ten seconds that an upstream does not have, and those that were on their way. */
const SHARE = 500
const AT_ONCE = 64
const ATTACKER = '192.0.2.66'

const missing = new UpstreamFailure('missing', 'there is no such thing', { status: 404 })
const { signal } = new AbortController()
const BLOB = { promise: false, signal: () => signal }

let mirror: MirrorOfScript
let open: (client: string, name?: string) => Source

beforeEach(async () => {
  mirror = await MirrorOfScript.open()
  const { store } = mirror.core
  const parts = {
    ...{ store, upstream: mirror.scripted, manifests: mirror.manifests, whenMissing: 404 as const },
    downloads: openDownloads({ store, clock: mirror.clock, log: silentLog }),
    named: mirror.named,
    questions: mirror.questions,
    clock: mirror.clock,
    undelivered: new UndeliveredBlobs({ clock: mirror.clock }),
    counters: { answered: () => undefined, saved: () => undefined },
  }
  open = (client, name = ALPINE.remote) => {
    const remote = parseRepositoryName(name)
    const stored = parseRepositoryName(`docker.io/${name}`)
    return new MirroredRepository({ ...ALPINE, remote, stored }, parts, client)
  }
})

function digestOf(text: string): Digest {
  return digestOfBytes('sha256', Buffer.from(text))
}

/** A manifest that names them, the first one as its config. */
function imageOf(blobs: readonly Digest[]): FetchedManifest {
  const [config, ...layers] = blobs.map((digest) => ({ mediaType: 'a/b', digest, size: 3 }))
  return fetched(JSON.stringify({ schemaVersion: 2, config, layers }))
}

/** Asks so many times, a thousand at once; what it is answered is no matter. */
async function flood(ask: (at: number) => Promise<unknown>, times: number): Promise<void> {
  for (let from = 0; from < times; from += 1000)
    await Promise.allSettled(Array.from({ length: 1000 }, (_, at) => ask(from + at)))
}

const WAYS: readonly (readonly [string, number, (at: number) => Promise<unknown>])[] = [
  ['HEADs of blobs', MADE_UP, (at) => open(ATTACKER).blob(digestOf(`${at}`), { ...BLOB, wantsBytes: false })],
  ['GETs of blobs', FEWER, (at) => open(ATTACKER).blob(digestOf(`${at}`), { ...BLOB, wantsBytes: true })],
  [
    'lists of tags',
    FEWER,
    (at) => open(ATTACKER, `made/up-${at}`).tags({ limit: 1, last: undefined }, () => signal),
  ],
  ['referrers', FEWER, (at) => open(ATTACKER).referrers(digestOf(`${at}`), NO_PAGE, () => signal)],
  ['tags', MADE_UP, (at) => open(ATTACKER).manifest(parseReference(`made-up-${at}`), REQUEST)],
  ['digests', FEWER, (at) => open(ATTACKER).manifest(parseReference(digestOf(`${at}`)), REQUEST)],
]
const NO_PAGE = { artifactType: undefined, last: undefined, limit: undefined }

describe('a client that makes up names', () => {
  test.each(WAYS)(
    'makes an upstream bounded requests for %s, %i of them (attack 61)',
    async (_what, times, ask) => {
      mirror.scripted.fails(missing)
      await flood(ask, times)
      expect(mirror.asked().length).toBeLessThanOrEqual(SHARE + AT_ONCE)
      await mirror.clock.advance(10_000)
      await flood(ask, 1000)
      expect(mirror.asked().length).toBeGreaterThan(0)
    },
    60_000,
  )

  test('makes as few for lists that are empty', async () => {
    await flood((at) => open(ATTACKER).referrers(digestOf(`${at}`), NO_PAGE, () => signal), 5000)
    expect(mirror.asked().length).toBeLessThanOrEqual(SHARE + AT_ONCE)
  })

  test('stops nobody else, nor what a manifest names, asked for from the same address', async () => {
    const layer = digestOf('abc')
    const image = imageOf([layer])
    mirror.scripted.has('latest', image)
    await open('192.0.2.1').manifest(parseReference('latest'), REQUEST)
    mirror.scripted.fails(missing)
    await flood((at) => open(ATTACKER).blob(digestOf(`${at}`), { ...BLOB, wantsBytes: false }), 2000)
    mirror.scripted.has('other', image)
    const found = await open(ATTACKER).blob(layer, { ...BLOB, wantsBytes: true })
    expect(found?.value.kind).toBe('growing')
    const other = await open('192.0.2.1').manifest(parseReference('other'), REQUEST)
    expect(other?.served.cache).toBe('miss')
  })
})

describe('manifests that name blobs which an upstream does not have', () => {
  const NAMED = 2000
  const ABSENT = Array.from({ length: NAMED }, (_, at) => digestOf(`absent ${at}`))

  /** A repository of the upstream that has a manifest, and none of what it names. */
  async function pullManifest(name: string, layers: readonly Digest[]): Promise<void> {
    mirror.scripted.has('latest', imageOf(layers))
    await open('192.0.2.1', name).manifest(parseReference('latest'), REQUEST)
  }

  function head(name: string, at: number): Promise<unknown> {
    return open(ATTACKER, name).blob(digestOf(`absent ${at}`), { ...BLOB, wantsBytes: false })
  }

  async function askForAbsent(name: string): Promise<void> {
    mirror.scripted.fails(missing)
    await flood((at) => head(name, at), NAMED)
    mirror.scripted.fails(undefined)
  }

  test('stop no pull of another repository', async () => {
    const layer = digestOf('abc')
    for (const name of ['evil/one', 'evil/two', 'evil/three', 'evil/four', 'evil/five'])
      await pullManifest(name, [...ABSENT, digestOf(name)])
    await pullManifest(ALPINE.remote, [layer])
    for (const name of ['evil/one', 'evil/two', 'evil/three', 'evil/four', 'evil/five'])
      await askForAbsent(name)
    const found = await open('192.0.2.1').blob(layer, { ...BLOB, wantsBytes: true })
    expect(found?.value.kind).toBe('growing')
    mirror.scripted.has('new', imageOf([layer]))
    const other = await open('192.0.2.1').manifest(parseReference('new'), REQUEST)
    expect(other?.served.cache).toBe('miss')
  })

  test('make an upstream bounded requests', async () => {
    await pullManifest('evil/one', ABSENT)
    mirror.asked()
    await askForAbsent('evil/one')
    expect(mirror.asked().length).toBeLessThanOrEqual(SHARE + 1000)
  })

  test.each([
    ['in repositories that are made up', (at: number) => head(`made/up-${at}`, at)],
    [
      'as manifests',
      (at: number) => open(ATTACKER, 'evil/one').manifest(parseReference(ABSENT[at] ?? ''), REQUEST),
    ],
  ])('are like made-up ones %s', async (_where, ask) => {
    await pullManifest('evil/one', ABSENT)
    mirror.scripted.fails(missing)
    await flood(ask, NAMED)
    expect(mirror.asked().length).toBeLessThanOrEqual(SHARE + 1)
  })
})

describe('a blob that an upstream does not have', () => {
  const LAYER = digestOf('abc')
  const get = (): Promise<unknown> => open('192.0.2.1').blob(LAYER, { ...BLOB, wantsBytes: true })

  test('is asked for once in ten seconds', async () => {
    mirror.scripted.fails(missing)
    for (let again = 0; again < 5; again += 1) await expect(get()).rejects.toThrow(LAYER)
    expect(mirror.asked().length).toBe(1)
    mirror.scripted.fails(undefined)
    await mirror.clock.advance(10_000)
    expect(await get()).toMatchObject({ served: { cache: 'miss' } })
  })

  test('is asked for again at once when a manifest has come that names it', async () => {
    mirror.scripted.fails(missing)
    await expect(get()).rejects.toThrow(LAYER)
    mirror.scripted.has('latest', imageOf([LAYER]))
    await open('192.0.2.1')
      .manifest(parseReference('latest'), REQUEST)
      .catch(() => undefined)
    expect(await get()).toMatchObject({ served: { cache: 'miss' } })
  })

  test('that it only failed to give is asked for again at once', async () => {
    mirror.scripted.fails(new UpstreamFailure('wrong-content', 'a web page'))
    await expect(get()).rejects.toThrow(LAYER)
    mirror.scripted.fails(undefined)
    expect(await get()).toMatchObject({ served: { cache: 'miss' } })
  })
})
