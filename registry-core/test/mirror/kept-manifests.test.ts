import { beforeEach, describe, expect, test } from '@jest/globals'
import { UpstreamFailure } from '#core/mirror/upstream/upstream-failure.js'
import { OCI_INDEX, OCI_MANIFEST } from '#core/oci/media-type.js'
import { digestOfBytes } from '#core/oci/digest.js'
import { parseReference, parseTag } from '#core/oci/reference.js'
import { ALPINE, MirrorOfScript, REQUEST, STALE_MS, told } from './mirror-of-script.js'
import { STORE_ROOT } from '../simulated-store.js'
import { fetched } from './scripted-upstream.js'

const LATEST = parseReference('latest')
const ACTOR = { requestId: '', remoteAddress: '', method: 'PUT', userAgent: '', account: '', origin: '' }
const descriptor = (mediaType: string, text: string) =>
  `{"mediaType":"${mediaType}","digest":"${digestOfBytes('sha256', Buffer.from(text))}","size":${text.length}}`

let mirror: MirrorOfScript

beforeEach(async () => {
  mirror = await MirrorOfScript.open()
})

async function mediaTypes(): Promise<readonly string[]> {
  const types: string[] = []
  for (let pull = 1; pull <= 2; pull += 1)
    types.push((await mirror.manifests.manifest(ALPINE, LATEST, REQUEST)).value.mediaType)
  await mirror.restart()
  return [...types, (await mirror.manifests.manifest(ALPINE, LATEST, REQUEST)).value.mediaType]
}

describe('the media type is the same when a manifest comes, when it is cached and after a restart', () => {
  const image = `{"schemaVersion":2,"config":${descriptor('a/b', 'c')},"layers":[]`
  test.each([
    ['what the bytes say', `${image},"mediaType":"${OCI_MANIFEST}"}`, 'text/plain', OCI_MANIFEST],
    ['their shape, where they say nothing', `${image}}`, OCI_MANIFEST, OCI_MANIFEST],
    ['their shape: an index', '{"schemaVersion":2,"manifests":[]}', OCI_INDEX, OCI_INDEX],
    ['of a kind that we do not know', '{"mediaType":"application/x.y+json"}', 'a/b', 'application/x.y+json'],
    [
      'what the upstream said alone',
      '{"any":"thing"}',
      'application/Vnd.x; charset=utf-8',
      'application/vnd.x',
    ],
    ['none that a browser shows', '{"any":"thing"}', 'text/html', 'application/octet-stream'],
    [
      'schema 1',
      '{"schemaVersion":1,"name":"a"}',
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
    ],
  ])('%s', async (_which, text, contentType, expected) => {
    mirror.scripted.has('latest', fetched(text, contentType))
    expect(await mediaTypes()).toEqual([expected, expected, expected])
  })
})

describe('nothing is kept', () => {
  test.each([
    ['a login page', fetched('<!doctype html><p>log in', 'text/html')],
    ['bytes of another digest', { ...fetched('{"a":1}'), digest: fetched('{"b":1}').digest }],
  ])('of %s', async (_what, answer) => {
    mirror.scripted.has('latest', answer)
    expect(await mirror.pull('latest')).toBe('404')
    mirror.scripted.has('latest', fetched('{"good":1}'))
    await mirror.clock.advance(10_000)
    expect(await mirror.pull('latest')).toBe('miss docker.io {"good":1}')
  })

  test('of what is not the digest that was asked for', async () => {
    const right = fetched('{"a":1}')
    mirror.scripted.lies(right.digest, fetched('{"b":1}'))
    expect(await mirror.pull(right.digest)).toBe('404')
  })

  test.each(['ENOSPC', 'EROFS', 'EIO'] as const)(
    'where the disk says %s, but the client gets it',
    async (code) => {
      mirror.scripted.has('latest', fetched('{"a":1}'))
      mirror.fs.fail({ code, fits: ({ name }) => name === 'create' })
      for (let client = 1; client <= 2; client += 1)
        expect(await mirror.pull('latest')).toBe('bypass docker.io {"a":1}')
      mirror.fs.heal()
      expect(await mirror.pull('latest')).toBe('miss docker.io {"a":1}')
    },
  )
})

test('an index is kept without its children, each of which is fetched when it is asked for', async () => {
  const child = `{"schemaVersion":2,"config":${descriptor('a/b', 'c')},"layers":[]}`
  const index = `{"schemaVersion":2,"manifests":[${descriptor(OCI_MANIFEST, child)}]}`
  mirror.scripted.has('child', fetched(child))
  mirror.scripted.has('latest', fetched(index, OCI_INDEX))
  expect(await mirror.pull('latest')).toBe(`miss docker.io ${index}`)
  expect(await mirror.pull(fetched(child).digest)).toBe(`miss docker.io ${child}`)
  expect(mirror.asked().length).toBe(2)
})

test('what refers to another manifest is listed among its referrers', async () => {
  const subject = fetched('{"a":1}')
  const text = `{"schemaVersion":2,"mediaType":"${OCI_MANIFEST}","config":${descriptor('sig/x', 'c')},"layers":[],"subject":${descriptor(OCI_MANIFEST, '{"a":1}')}}`
  mirror.scripted.has('sig', fetched(text))
  await mirror.pull('sig')
  const repository = mirror.core.registry.repository(ALPINE.stored)
  const { manifests } = await repository.referrers(subject.digest, {
    artifactType: undefined,
    last: undefined,
    limit: undefined,
  })
  expect(manifests.map(({ digest }) => digest)).toEqual([fetched(text).digest])
})

describe('a tag that a client has pushed', () => {
  const pushed = Buffer.from('{"schemaVersion":2,"manifests":[]}')

  async function push(): Promise<void> {
    const put = { bytes: pushed, contentType: OCI_INDEX, reference: LATEST, tags: [], actor: ACTOR }
    await mirror.core.registry.repository(ALPINE.stored).putManifest(put)
  }

  test('is local, and no upstream is asked for it', async () => {
    await push()
    mirror.scripted.has('latest', fetched('{"a":1}'))
    expect(await mirror.pull('latest')).toBe(`hit local ${pushed.toString()}`)
    expect(mirror.asked()).toEqual([])
  })

  test('while it was being fetched stays, and answers', async () => {
    mirror.scripted.has('latest', fetched('{"a":1}'))
    mirror.scripted.hangs()
    const asked = mirror.manifests.manifest(ALPINE, LATEST, REQUEST)
    await push()
    mirror.scripted.goesOn()
    expect(told(await asked)).toBe(`hit local ${pushed.toString()}`)
    expect(await mirror.core.store.links.findTag(ALPINE.stored, parseTag('latest'))).toBe(
      digestOfBytes('sha256', pushed),
    )
  })

  test('over one that was mirrored is never moved back', async () => {
    mirror.scripted.has('latest', fetched('{"a":1}'))
    await mirror.pull('latest')
    await push()
    await mirror.clock.advance(STALE_MS)
    expect(await mirror.pull('latest')).toBe(`hit local ${pushed.toString()}`)
  })
})

describe('a tag of registry:2, of which nobody noted where it came from', () => {
  const theirs = Buffer.from('{"schemaVersion":2,"manifests":[]}')
  const digest = digestOfBytes('sha256', theirs)

  beforeEach(async () => {
    const { store } = mirror.core
    await store.content.commitBytes(digest, theirs)
    await store.links.publishRevision(ALPINE.stored, digest)
    await store.links.publishTag(ALPINE.stored, parseTag('latest'), digest)
    const folder = `${STORE_ROOT}/docker/registry/v2/repositories/${ALPINE.stored}/_manifests/revisions`
    await mirror.fs.unlink(`${folder}/sha256/${digest.slice('sha256:'.length)}/pushed`)
  })

  test('is not served in an outage: another upstream may have filled this folder', async () => {
    mirror.scripted.fails(new UpstreamFailure('dns', 'no address'))
    expect(await mirror.pull('latest')).toBe('404')
    expect(await mirror.pull(digest)).toBe('404')
    expect(mirror.lines.filter((line) => line.startsWith('nobody noted')).length).toBe(1)
  })

  test('is asked for anew, and stands where it is, fresh or stale as any other', async () => {
    mirror.scripted.has('latest', fetched('{"a":1}'))
    expect(await mirror.pull('latest')).toBe('miss docker.io {"a":1}')
    expect(await mirror.pull('latest')).toBe('hit docker.io {"a":1}')
    expect(mirror.asked().length).toBe(1)
    await mirror.clock.advance(STALE_MS)
    mirror.scripted.fails(new UpstreamFailure('dns', 'no address'))
    expect(await mirror.pull('latest')).toBe('stale docker.io {"a":1}')
    expect(await mirror.core.store.links.findTag(ALPINE.stored, parseTag('latest'))).toBe(digest)
  })

  test('is served in outages, after restarts too, once its upstream has given the same', async () => {
    mirror.scripted.has('latest', fetched(theirs.toString(), OCI_INDEX))
    expect(await mirror.pull('latest')).toBe(`miss docker.io ${theirs.toString()}`)
    mirror.scripted.fails(new UpstreamFailure('dns', 'no address'))
    await mirror.restart()
    expect(await mirror.pull('latest')).toBe(`stale docker.io ${theirs.toString()}`)
  })
})
