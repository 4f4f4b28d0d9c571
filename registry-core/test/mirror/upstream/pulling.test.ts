import { describe, expect, test } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import { digestOfBytes, hexOf } from '#core/oci/digest.js'
import { answer, json, manifest, MANIFEST_TYPE } from '../scripted-server.js'
import { ALPINE, BYTES, DIGEST, LATEST, MANIFEST } from './alpine.js'
import { bytesOf, failureOf, inTime, open, settingsFor, troubleOf, useServer } from './opened.js'

const BLOB = randomBytes(300_000)
const BLOB_DIGEST = digestOfBytes('sha256', BLOB)
const BLOB_PATH = `/v2/library/alpine/blobs/${BLOB_DIGEST}`

const server = useServer()

function upstream() {
  return open(settingsFor([server.url])).upstream
}

describe('manifests', () => {
  test('a manifest comes with its bytes, digest, media type and ETag', async () => {
    server.play(MANIFEST, manifest(BYTES))
    const found = await upstream().manifest(ALPINE, LATEST, inTime())
    expect(found).toEqual({ digest: DIGEST, mediaType: MANIFEST_TYPE, bytes: BYTES, etag: `"${DIGEST}"` })
  })
  test('a HEAD tells the digest', async () => {
    server.play(MANIFEST, manifest(BYTES))
    expect(await upstream().resolve(ALPINE, LATEST, inTime())).toBe(DIGEST)
    expect(server.asked).toEqual(['GET /v2/', `HEAD ${MANIFEST}`])
  })
  test('a HEAD without a digest is followed by a GET, whose digest is computed here', async () => {
    server.play(MANIFEST, answer(200, { 'content-type': MANIFEST_TYPE }, BYTES))
    expect(await upstream().resolve(ALPINE, LATEST, inTime())).toBe(DIGEST)
    expect(server.asked).toEqual(['GET /v2/', `HEAD ${MANIFEST}`, `GET ${MANIFEST}`])
  })
  test('a HEAD that is not allowed is followed by a GET', async () => {
    server.play(MANIFEST, (request, response) =>
      (request.method === 'HEAD' ? answer(405) : manifest(BYTES))(request, response),
    )
    expect(await upstream().resolve(ALPINE, LATEST, inTime())).toBe(DIGEST)
  })
  test('an unknown media type is told as the upstream says it', async () => {
    server.play(
      MANIFEST,
      manifest(BYTES, { 'content-type': 'application/vnd.acme.thing+json; charset=utf-8' }),
    )
    const { mediaType } = await upstream().manifest(ALPINE, LATEST, inTime())
    expect(mediaType).toBe('application/vnd.acme.thing+json')
  })
  test('a sha512 digest is verified as such', async () => {
    const digest = digestOfBytes('sha512', BYTES)
    server.play(
      `/v2/library/alpine/manifests/${digest}`,
      answer(200, { 'content-type': MANIFEST_TYPE }, BYTES),
    )
    const found = await upstream().manifest(ALPINE, { kind: 'digest', digest }, inTime())
    expect(found.digest).toBe(digest)
  })
})

describe('blobs', () => {
  test('a blob comes whole, with its size', async () => {
    server.play(BLOB_PATH, answer(200, {}, BLOB))
    const found = await upstream().blob(ALPINE, BLOB_DIGEST, 0, inTime())
    expect([found.first, found.sizeBytes]).toEqual([0, BLOB.length])
    expect(BLOB.equals(await bytesOf(found.body))).toBe(true)
  })
  test('a blob comes from the middle on', async () => {
    const range = `bytes 100000-${BLOB.length - 1}/${BLOB.length}`
    server.play(BLOB_PATH, answer(206, { 'content-range': range }, BLOB.subarray(100_000)))
    const found = await upstream().blob(ALPINE, BLOB_DIGEST, 100_000, inTime())
    expect([found.first, found.sizeBytes]).toEqual([100_000, BLOB.length])
    expect(BLOB.subarray(100_000).equals(await bytesOf(found.body))).toBe(true)
    expect(server.headers.at(-1)?.range).toBe('bytes=100000-')
  })
  test('an upstream without ranges begins at the beginning, and says so', async () => {
    server.play(BLOB_PATH, answer(200, {}, BLOB))
    const found = await upstream().blob(ALPINE, BLOB_DIGEST, 100_000, inTime())
    expect(found.first).toBe(0)
    expect(BLOB.equals(await bytesOf(found.body))).toBe(true)
  })
  test('a range other than the one asked for is wrong content', async () => {
    server.play(BLOB_PATH, answer(206, { 'content-range': `bytes 7-9/${BLOB.length}` }, 'abc'))
    expect(await troubleOf(upstream().blob(ALPINE, BLOB_DIGEST, 100_000, inTime()))).toBe('wrong-content')
  })
  test('a HEAD tells the size', async () => {
    server.play(BLOB_PATH, answer(200, {}, BLOB))
    expect(await upstream().describeBlob(ALPINE, BLOB_DIGEST, inTime())).toEqual({ sizeBytes: BLOB.length })
  })
  test('a blob store that takes no HEAD is asked for the beginning of a GET', async () => {
    server.play(BLOB_PATH, (request, response) =>
      (request.method === 'HEAD' ? answer(403) : answer(200, {}, BLOB))(request, response),
    )
    expect(await upstream().describeBlob(ALPINE, BLOB_DIGEST, inTime())).toEqual({ sizeBytes: BLOB.length })
  })
  test('a reader that leaves before the first byte gives its place back', async () => {
    server.play(BLOB_PATH, answer(200, {}, Buffer.alloc(50_000_000)))
    const { upstream: one } = open(settingsFor([server.url], { maxConnections: 1 }))
    const { body } = await one.blob(ALPINE, BLOB_DIGEST, 0, inTime())
    await body[Symbol.asyncIterator]().return?.()
    expect((await one.blob(ALPINE, BLOB_DIGEST, 0, inTime())).first).toBe(0)
  })
  test('a reader that is aborted before the first byte gives its place back', async () => {
    server.play(BLOB_PATH, answer(200, {}, Buffer.alloc(50_000_000)))
    const { upstream: one } = open(settingsFor([server.url], { maxConnections: 1 }))
    const leaving = new AbortController()
    await one.blob(ALPINE, BLOB_DIGEST, 0, leaving.signal)
    leaving.abort()
    expect((await one.blob(ALPINE, BLOB_DIGEST, 0, inTime())).first).toBe(0)
  })
  test('a reader that leaves closes the connection and gives its place back', async () => {
    server.play(BLOB_PATH, answer(200, {}, Buffer.alloc(50_000_000)))
    const { upstream: one } = open(settingsFor([server.url], { maxConnections: 1 }))
    const first = await one.blob(ALPINE, BLOB_DIGEST, 0, inTime())
    for await (const piece of first.body) if (piece.length > 0) break
    const second = await one.blob(ALPINE, BLOB_DIGEST, 0, inTime())
    expect(second.sizeBytes).toBe(50_000_000)
  })
})

describe('tags', () => {
  test('as many tags as asked for are gathered from as many pages as it takes', async () => {
    server.play('/v2/library/alpine/tags/list', (request, response) => {
      const last = new URL(request.url ?? '', 'http://x').searchParams.get('last') ?? '0'
      const tags = [Number(last) + 1, Number(last) + 2].map(String)
      const link = `<http://wrong.host/v2/library/alpine/tags/list?n=2&last=${tags[1]}>; rel="next"`
      json({ name: 'library/alpine', tags }, { link })(request, response)
    })
    const found = await upstream().tags(ALPINE, { limit: 5, last: undefined }, inTime())
    expect(found).toEqual({ tags: ['1', '2', '3', '4', '5'], more: true })
    expect(server.count('/v2/library/alpine/tags/list')).toBe(3)
  })
  test('the last page ends the list', async () => {
    server.play('/v2/library/alpine/tags/list', json({ name: 'library/alpine', tags: ['a', 'b'] }))
    const found = await upstream().tags(ALPINE, { limit: undefined, last: undefined }, inTime())
    expect(found).toEqual({ tags: ['a', 'b'], more: false })
  })
  test('an upstream that overlooks `last` is read past it', async () => {
    server.play('/v2/library/alpine/tags/list', json({ tags: ['a', 'b', 'c'] }))
    const found = await upstream().tags(ALPINE, { limit: 10, last: 'b' }, inTime())
    expect(found.tags).toEqual(['c'])
  })
  test('a list that is none is wrong content', async () => {
    server.play('/v2/library/alpine/tags/list', json(['a']))
    const work = upstream().tags(ALPINE, { limit: 10, last: undefined }, inTime())
    expect(await troubleOf(work)).toBe('wrong-content')
  })
})

describe('referrers', () => {
  const DESCRIPTOR = { mediaType: MANIFEST_TYPE, digest: BLOB_DIGEST, size: 7 }
  const INDEX = { schemaVersion: 2, manifests: [DESCRIPTOR] }
  const BY_TAG = `/v2/library/alpine/manifests/sha256-${hexOf(DIGEST)}`

  test('all pages are one list', async () => {
    server.play(`/v2/library/alpine/referrers/${DIGEST}`, (request, response) => {
      const isFirst = !request.url?.includes('?')
      const link = `</v2/library/alpine/referrers/${DIGEST}?page=2>; rel="next"`
      json(INDEX, isFirst ? { link } : {})(request, response)
    })
    expect(await upstream().referrers(ALPINE, DIGEST, inTime())).toEqual([DESCRIPTOR, DESCRIPTOR])
  })
  test('an upstream without the endpoint is asked for the tag', async () => {
    server.play(BY_TAG, json(INDEX))
    expect(await upstream().referrers(ALPINE, DIGEST, inTime())).toEqual([DESCRIPTOR])
  })
  test('an upstream with neither has none', async () => {
    expect(await upstream().referrers(ALPINE, DIGEST, inTime())).toEqual([])
  })
  test('no more than 10,000 are taken', async () => {
    const many = Array.from({ length: 6000 }, () => DESCRIPTOR)
    server.play(`/v2/library/alpine/referrers/${DIGEST}`, (request, response) => {
      const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page') ?? '0') + 1
      json({ manifests: many }, { link: `<?page=${page}>; rel="next"` })(request, response)
    })
    expect(await upstream().referrers(ALPINE, DIGEST, inTime())).toHaveLength(10_000)
    expect(server.count(`/v2/library/alpine/referrers/${DIGEST}`)).toBe(2)
  })
})

test('the rate limit that an upstream tells is passed on', async () => {
  server.play(
    MANIFEST,
    manifest(BYTES, {
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '98;w=21600',
    }),
  )
  const told: unknown[] = []
  const { upstream: one } = open(settingsFor([server.url]), { onRateLimit: (limit) => told.push(limit) })
  await one.resolve(ALPINE, LATEST, inTime())
  expect(told).toEqual([{ limit: 100, remaining: 98, windowSeconds: 21_600 }])
})

test('a failure says who answered what', async () => {
  const failure = await failureOf(upstream().manifest(ALPINE, LATEST, inTime()))
  expect(failure).toMatchObject({ trouble: 'missing', status: 404 })
  expect(failure.message).toContain(
    `${server.host} answered 404 when asked for library/alpine/manifests/latest`,
  )
})
