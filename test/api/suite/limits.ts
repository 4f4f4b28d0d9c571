import { expect } from '@jest/globals'

import { type Content, makeIndex, MEDIA_TYPES } from '../../support/images.js'
import { lines } from '../../support/raw-http.js'
import { EVERY_MANIFEST_TYPE, expectStatus, pathOf } from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError, expectRaw } from './expect-answer.js'
import { readErrors } from './read.js'

const LIMIT = 4 * 1024 * 1024
const ACCEPT = { accept: EVERY_MANIFEST_TYPE }

/** An index of exactly so many bytes. */
function indexOf(sizeBytes: number): Content {
  const bare = makeIndex([], { fields: { annotations: { filler: '' } } }).bytes.length
  return makeIndex([], { fields: { annotations: { filler: 'x'.repeat(sizeBytes - bare) } } })
}

function head(target: string, type: string, ...framing: readonly string[]): string {
  return lines(`PUT ${target} HTTP/1.1`, 'Host: r', `Content-Type: ${type}`, ...framing)
}

/** White space for ever, as a manifest, until the connection is closed; `count` tells how much was sent. */
async function* endless(start: string, count: { bytes: number }): AsyncGenerator<Uint8Array> {
  yield Buffer.from(start)
  const chunk = Buffer.from(`10000\r\n${' '.repeat(0x10000)}\r\n`)
  while (count.bytes < 200_000_000) {
    count.bytes += 0x10000
    yield chunk
  }
}

/** What is too much. */
export const limitChecks = [
  check(['sizes'], 'a manifest of 4 MiB is taken, to the byte', async ({ client, repository }) => {
    const name = repository()
    for (const sizeBytes of [3_900_000, LIMIT]) {
      const index = indexOf(sizeBytes)
      expect(index.bytes.length).toBe(sizeBytes)
      await client.pushManifest(name, index, 'large')
      expect((await client.pullManifest(name, 'large')).bytes.equals(index.bytes)).toBe(true)
    }
  }),
  check(['sizes', 'attack 26'], 'a manifest of one byte more is 413 MANIFEST_INVALID', async (subject) => {
    const { client, raw } = subject
    const name = subject.repository()
    const index = indexOf(LIMIT + 1)
    const target = `/v2/${name}/manifests/large`
    const { mediaType } = index.descriptor
    const size = index.bytes.length.toString(16)
    const framed = [
      [head(target, mediaType, `Content-Length: ${index.bytes.length}`), ''],
      [`${head(target, mediaType, 'Transfer-Encoding: chunked')}${size}\r\n`, '\r\n0\r\n\r\n'],
    ] as const
    for (const [before, after] of framed) {
      const request = Buffer.concat([Buffer.from(before), index.bytes, Buffer.from(after)])
      const answer = expectRaw(await raw(request, { answers: 1 }), 413)
      expect(readErrors(answer.body)[0]?.code).toBe('MANIFEST_INVALID')
    }
    expectError(await client.get(target, ACCEPT), 404)
  }),
  check(['attack 26'], 'a manifest without end is cut off at the limit', async (subject) => {
    const { descriptor } = indexOf(1000)
    const start = head(
      `/v2/${subject.repository()}/manifests/x`,
      descriptor.mediaType,
      'Transfer-Encoding: chunked',
    )
    const sent = { bytes: 0 }
    expectRaw(await subject.raw(endless(start, sent), { answers: 1, waitMs: 10_000 }), 413)
    expect(sent.bytes).toBeLessThan(64_000_000)
  }),
  check(['attack 75'], 'a hundred megabytes of JSON are refused by their length alone', async (subject) => {
    const { descriptor } = indexOf(1000)
    const target = `/v2/${subject.repository()}/manifests/x`
    const request = `${head(target, descriptor.mediaType, 'Content-Length: 100000000')}{"schemaVersion":2,`
    const answer = expectRaw(await subject.raw(request, { answers: 1, waitMs: 2000 }), 413)
    expect(readErrors(answer.body)[0]?.code).toBe('MANIFEST_INVALID')
  }),
  check(['attack 27'], 'a million descriptors are refused at once', async (subject) => {
    const target = `/v2/${subject.repository()}/manifests/many`
    for (const list of ['layers', 'manifests']) {
      const text = `{"schemaVersion":2,"${list}":[${'{},'.repeat(999_999)}{}]}`
      const type = list === 'layers' ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.ociIndex
      const before = subject.cpuTimeMs()
      const request = head(target, type, `Content-Length: ${text.length}`) + text
      const answer = expectRaw(await subject.raw(request, { answers: 1 }), 400)
      expect(subject.cpuTimeMs() - before).toBeLessThan(500)
      expect(readErrors(answer.body)[0]?.code).toBe('MANIFEST_INVALID')
    }
  }),
  check(
    ['attack 25'],
    'a chunk that no disk can hold is refused by its length, and the session lives',
    async (subject) => {
      const { client, raw } = subject
      const target = pathOf(await client.startUpload(subject.repository()))
      const request = lines(`PATCH ${target} HTTP/1.1`, 'Host: r', 'Content-Length: 900000000000000')
      const answer = expectRaw(await raw(`${request}some bytes`, { answers: 1, waitMs: 2000 }), 413, 507)
      expect(readErrors(answer.body).length).toBe(1)
      expectStatus(await client.get(target), 204)
    },
  ),
  check(
    ['attack 75'],
    'what a client writes into a log line stays inside of it',
    async ({ client, repository, target }) => {
      const name = repository()
      const marker = `marker-${name.replace('/', '-')}`
      await client.get(`/v2/${name}/tags/list?last=${marker}%0a%7B%22level%22%3A%22evil%22%7D%1b%5B31m`)
      await client.get(`/v2/${name}/tags/list`, { 'user-agent': `${marker} "},{"level":"evil` })
      await client.get(`/v2/${name}/tags/list`, { 'user-agent': `${marker}\t\x80\x9b31m` })
      expectStatus(await client.get('/v2/'), 200)
      const lines = target.process.log().split('\n')
      for (const line of lines.filter((text) => text.includes(marker))) {
        expect(line).not.toMatch(/\p{Cc}/u)
        expect(JSON.parse(line)).not.toMatchObject({ level: 'evil' })
      }
    },
  ),
  check(
    ['attack 75', 'sizes'],
    'a header of 100 KiB or ten thousand headers are refused',
    async (subject) => {
      const large = lines('GET /v2/ HTTP/1.1', 'Host: r', `X-Large: ${'x'.repeat(102_400)}`)
      const many = lines(
        'GET /v2/ HTTP/1.1',
        'Host: r',
        ...Array.from({ length: 10_000 }, (_, n) => `X-${n}: ${n}`),
      )
      for (const request of [large, many])
        expectRaw(await subject.raw(request, { answers: 1 }), 400, 413, 431)
    },
  ),
]
