import { gzipSync } from 'node:zlib'

import { expect } from '@jest/globals'

import { absentDigest, contentOf, randomLayer } from '../../support/images.js'
import { type Answer, expectStatus } from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'

/** What a blob's answer must say, whatever is in it. */
function expectBlobHeaders(answer: Answer, digest: string, sizeBytes: number): void {
  expectHeader(answer, 'content-length', String(sizeBytes))
  expectHeader(answer, 'docker-content-digest', digest)
  expectHeader(answer, 'etag', `"${digest}"`)
}

/** GET and HEAD of blobs (end-2). */
export const blobChecks = [
  check(
    ['end-2', 'content headers'],
    'a blob comes back byte for byte, with its length and digest',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      for (const sizeBytes of [1, 100, 65_537, 3_000_000]) {
        const layer = randomLayer(sizeBytes)
        const { digest } = await client.pushBlob(name, layer)
        const got = expectStatus(await client.get(`/v2/${name}/blobs/${digest}`), 200)
        expect(got.body.equals(layer.bytes)).toBe(true)
        expectBlobHeaders(got, digest, sizeBytes)
        const head = expectStatus(await client.head(`/v2/${name}/blobs/${digest}`), 200)
        expect(head.body.length).toBe(0)
        expectBlobHeaders(head, digest, sizeBytes)
      }
    },
  ),
  check(['end-2', 'range'], 'a blob says that it takes ranges', async ({ client, repository }) => {
    const name = repository()
    const { digest } = await client.pushBlob(name, randomLayer())
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = expectStatus(await client.send({ method, target: `/v2/${name}/blobs/${digest}` }), 200)
      expectHeader(answer, 'accept-ranges', 'bytes')
    }
  }),
  check(
    ['end-2'],
    'a blob that is absent is 404 BLOB_UNKNOWN, in a known repository and in none',
    async (subject) => {
      const { client } = subject
      const known = subject.repository()
      await client.pushBlob(known, randomLayer())
      for (const name of [known, subject.repository()]) {
        const target = `/v2/${name}/blobs/${absentDigest()}`
        expectError(await client.get(target), 404, 'BLOB_UNKNOWN', 'NAME_UNKNOWN')
        const head = expectStatus(await client.head(target), 404)
        expect(head.body.length).toBe(0)
      }
    },
  ),
  check(
    ['empty blob', 'end-2'],
    'the empty blob and {} are blobs like others',
    async ({ client, repository }) => {
      const name = repository()
      for (const bytes of [Buffer.alloc(0), Buffer.from('{}')]) {
        for (const style of ['post-put', 'single-post', 'stream'] as const) {
          const { digest } = await client.pushBlob(name, bytes, { style })
          const got = expectStatus(await client.get(`/v2/${name}/blobs/${digest}`), 200)
          expect(got.body).toEqual(bytes)
          expectBlobHeaders(got, digest, bytes.length)
          expectBlobHeaders(
            expectStatus(await client.head(`/v2/${name}/blobs/${digest}`), 200),
            digest,
            bytes.length,
          )
        }
      }
    },
  ),
  check(['end-2'], 'a blob that the client has already is 304', async ({ client, repository }) => {
    const name = repository()
    const layer = randomLayer()
    const { digest } = await client.pushBlob(name, layer)
    const target = `/v2/${name}/blobs/${digest}`
    for (const known of [`"${digest}"`, `"other", "${digest}"`, `W/"${digest}"`, '*']) {
      const answer = expectStatus(await client.get(target, { 'if-none-match': known }), 304)
      expect(answer.body.length).toBe(0)
      expectHeader(answer, 'etag', `"${digest}"`)
    }
    expect(expectStatus(await client.get(target, { 'if-none-match': '"other"' }), 200).body).toEqual(
      layer.bytes,
    )
  }),
  check(['attack 35', 'end-2'], 'a blob never runs in a browser', async ({ client, repository }) => {
    const name = repository()
    const page = contentOf(Buffer.from('<!doctype html><script>alert(document.domain)</script>'))
    const { digest } = await client.pushBlob(name, page)
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = expectStatus(await client.send({ method, target: `/v2/${name}/blobs/${digest}` }), 200)
      expectHeader(answer, 'content-type', 'application/octet-stream')
      expectHeader(answer, 'x-content-type-options', 'nosniff')
      expectHeader(answer, 'content-security-policy', /sandbox/)
      expectHeader(answer, 'content-disposition', /^attachment/)
    }
  }),
  check(['attack 37'], 'what is in a layer is never unpacked nor judged', async ({ client, repository }) => {
    const name = repository()
    const bomb = gzipSync(Buffer.alloc(20_000_000))
    const entry = Buffer.alloc(1024)
    entry.write('../../../../entrepot-unpacked')
    for (const bytes of [bomb, entry, gzipSync(entry), Buffer.from('no archive at all')]) {
      const { digest } = await client.pushBlob(name, bytes)
      expect(await client.pullBlob(name, digest)).toEqual(bytes)
    }
  }),
  check(
    ['attack 39'],
    'a digest that lives only in another repository looks exactly like an absent one',
    async ({ client, repository }) => {
      const [home, stranger] = [repository(), repository()]
      const { digest } = await client.pushBlob(home, randomLayer())
      await client.pushBlob(stranger, randomLayer())
      for (const method of ['GET', 'HEAD'] as const) {
        const elsewhere = await client.send({ method, target: `/v2/${stranger}/blobs/${digest}` })
        const absent = await client.send({ method, target: `/v2/${stranger}/blobs/${absentDigest()}` })
        expectError(elsewhere, 404, 'BLOB_UNKNOWN')
        expectError(absent, 404, 'BLOB_UNKNOWN')
        expect(Object.keys(elsewhere.headers)).toEqual(Object.keys(absent.headers))
      }
    },
  ),
  check(['end-2'], 'Accept-Encoding changes nothing', async ({ client, repository }) => {
    const name = repository()
    const text = Buffer.from('compressible '.repeat(5000))
    const { digest } = await client.pushBlob(name, text)
    const answer = await client.get(`/v2/${name}/blobs/${digest}`, {
      'accept-encoding': 'zstd, gzip, deflate',
    })
    expectStatus(answer, 200)
    expect(answer.header('content-encoding')).toBeUndefined()
    expect(answer.body).toEqual(text)
  }),
  check(
    ['end-2'],
    'many clients read one blob at once and each gets all of it',
    async ({ client, repository }) => {
      const name = repository()
      const layer = randomLayer(500_000)
      const { digest } = await client.pushBlob(name, layer)
      const bodies = await Promise.all(Array.from({ length: 20 }, () => client.pullBlob(name, digest)))
      expect(bodies.every((body) => body.equals(layer.bytes))).toBe(true)
    },
  ),
]
