import { expect } from '@jest/globals'

import { eventually } from '../../support/eventually.js'
import { randomLayer } from '../../support/images.js'
import { lines } from '../../support/raw-http.js'
import {
  type Answer,
  expectStatus,
  locationOf,
  pathOf,
  pieces,
  type RegistryClient,
  withDigest,
} from '../../support/registry-client.js'
import { check, type Subject } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'
import { expectPulled } from './uploads.js'

const SIZE = 3000

function rangeOf(first: number, afterLast: number): Record<string, string> {
  return { 'content-range': `${first}-${afterLast - 1}` }
}

/** A session that has taken the first third of a layer. */
async function begun({ client, repository }: Subject): Promise<{
  readonly start: string
  readonly location: string
  readonly bytes: Buffer
  readonly digest: string
}> {
  const start = await client.startUpload(repository())
  const { bytes, descriptor } = randomLayer(SIZE)
  const answer = expectStatus(await client.patch(start, bytes.subarray(0, 1000), rangeOf(0, 1000)), 202)
  return { start, location: locationOf(answer), bytes, digest: descriptor.digest }
}

function expectOffset(answer: Answer, status: number, offset: number): void {
  expectStatus(answer, status)
  expectHeader(answer, 'range', `0-${offset - 1}`)
}

/** Sends what the registry says is missing; `undefined` when an older request still writes, and it says otherwise then. */
async function resume(client: RegistryClient, url: string, bytes: Buffer): Promise<Answer | undefined> {
  const status = expectStatus(await client.get(url), 204)
  const offset = Number(/^0-(\d+)$/.exec(status.header('range') ?? '')?.[1]) + 1
  expect(offset).toBeGreaterThanOrEqual(1000)
  expect(offset).toBeLessThanOrEqual(1700)
  const answer = await client.patch(locationOf(status), bytes.subarray(offset), rangeOf(offset, SIZE))
  return expectStatus(answer, 202, 416).status === 202 ? answer : undefined
}

/** Chunks: in order, out of order, cut, and of the wrong length (end-5, end-13). */
export const chunkChecks = [
  check(['end-5'], 'a chunk is 202 with Location and the last byte received overall', async (subject) => {
    const { client } = subject
    const { bytes } = randomLayer(SIZE)
    let location = await client.startUpload(subject.repository())
    for (const [first, end] of [
      [0, 1000],
      [1000, 1001],
      [1001, 3000],
    ] as const) {
      const answer = await client.patch(location, bytes.subarray(first, end), rangeOf(first, end))
      expectOffset(answer, 202, end)
      location = locationOf(answer)
    }
  }),
  check(['end-5'], 'chunks without Content-Range are appended', async (subject) => {
    const { client } = subject
    const { location, bytes, digest } = await begun(subject)
    const second = await client.patch(location, bytes.subarray(1000, 2000))
    expectOffset(second, 202, 2000)
    const third = await client.patch(locationOf(second), pieces(bytes.subarray(2000), 77))
    expectOffset(third, 202, SIZE)
    const closed = expectStatus(await client.put(withDigest(locationOf(third), digest)), 201)
    await expectPulled(client, locationOf(closed), bytes)
  }),
  check(['end-5'], 'a chunk may be in chunked transfer encoding with a Content-Range', async (subject) => {
    const { client } = subject
    const { location, bytes, digest } = await begun(subject)
    const rest = await client.patch(location, pieces(bytes.subarray(1000), 500), rangeOf(1000, SIZE))
    expectOffset(rest, 202, SIZE)
    expectStatus(await client.put(withDigest(locationOf(rest), digest)), 201)
  }),
  check(
    ['end-5'],
    'a Content-Range written with a unit and size is understood or refused',
    async (subject) => {
      const { client } = subject
      const { location, bytes } = await begun(subject)
      const headers = { 'content-range': 'bytes 1000-1999/3000' }
      const answer = await client.patch(location, bytes.subarray(1000, 2000), headers)
      if (answer.status === 202) expectOffset(answer, 202, 2000)
      else expectError(answer, [400, 416])
    },
  ),
  check(
    ['chunk order', 'attack 24'],
    'a chunk out of order is 416 and the session stays usable',
    async (subject) => {
      const { client } = subject
      const { start, location, bytes, digest } = await begun(subject)
      const wrong: readonly (readonly [number, number])[] = [
        [2000, 3000],
        [0, 1000],
        [500, 1500],
        [1001, 2001],
        [999, 1999],
      ]
      for (const url of [start, location]) {
        for (const [first, end] of wrong) {
          expectStatus(await client.patch(url, bytes.subarray(first, end), rangeOf(first, end)), 416)
          expectOffset(await client.get(url), 204, 1000)
        }
      }
      const rest = await client.patch(location, bytes.subarray(1000), rangeOf(1000, SIZE))
      expectOffset(rest, 202, SIZE)
      const closed = expectStatus(await client.put(withDigest(locationOf(rest), digest)), 201)
      await expectPulled(client, locationOf(closed), bytes)
    },
  ),
  check(['chunk order'], 'a first chunk that does not begin at 0 is 416', async (subject) => {
    const { client } = subject
    const { bytes, descriptor } = randomLayer(SIZE)
    const location = await client.startUpload(subject.repository())
    expectStatus(await client.patch(location, bytes.subarray(1000), rangeOf(1000, SIZE)), 416)
    expectStatus(await client.put(withDigest(location, descriptor.digest), bytes), 201)
  }),
  check(
    ['chunk order', 'end-6'],
    'a closing PUT whose Content-Range is out of order is 416',
    async (subject) => {
      const { client } = subject
      const { start, location, bytes, digest } = await begun(subject)
      for (const url of [start, location]) {
        for (const first of [0, 500, 2000]) {
          const answer = await client.put(
            withDigest(url, digest),
            bytes.subarray(first),
            rangeOf(first, SIZE),
          )
          expectStatus(answer, 416)
          expectOffset(await client.get(url), 204, 1000)
        }
      }
      const rest = bytes.subarray(1000)
      expectStatus(await client.put(withDigest(location, digest), rest, rangeOf(1000, SIZE)), 201)
    },
  ),
  check(
    ['chunk order', 'end-13'],
    'the URL of the POST stays good for the whole session',
    async (subject) => {
      const { client } = subject
      const { start, bytes, digest } = await begun(subject)
      expectOffset(await client.get(start), 204, 1000)
      expectOffset(await client.patch(start, bytes.subarray(1000, 2000), rangeOf(1000, 2000)), 202, 2000)
      expectOffset(await client.get(start), 204, 2000)
      expectStatus(await client.put(withDigest(start, digest), bytes.subarray(2000)), 201)
    },
  ),
  check(
    ['end-13'],
    'the status of a session has Location and Range, also when nothing came',
    async (subject) => {
      const { client } = subject
      const fresh = await client.startUpload(subject.repository())
      const empty = expectStatus(await client.get(fresh), 204)
      expectHeader(empty, 'range', /^0-\d+$/)
      expectStatus(await client.get(locationOf(empty)), 204)
      const { location } = await begun(subject)
      const status = await client.get(location)
      expectOffset(status, 204, 1000)
      expectStatus(await client.get(locationOf(status)), 204)
    },
  ),
  check(['attack 24'], 'a body of another length than its Content-Range changes nothing', async (subject) => {
    const { client } = subject
    const { location, bytes, digest } = await begun(subject)
    for (const [first, end] of [
      [1000, 1500],
      [1000, 2500],
    ] as const) {
      for (const body of [bytes.subarray(1000, 2000), pieces(bytes.subarray(1000, 2000), 100)]) {
        expectError(await client.patch(location, body, rangeOf(first, end)), [400, 416])
        expectOffset(await client.get(location), 204, 1000)
      }
    }
    expectStatus(await client.put(withDigest(location, digest), bytes.subarray(1000)), 201)
  }),
  check(['attack 24'], 'a Content-Range of nonsense is refused and changes nothing', async (subject) => {
    const { client } = subject
    const { location, bytes } = await begun(subject)
    for (const range of ['x', '1000', '1000-', '-1999', '1999-1000', '1000-1999-', '1e3-1999', '-1000-5']) {
      expectError(
        await client.patch(location, bytes.subarray(1000, 2000), { 'content-range': range }),
        [400, 416],
      )
      expectOffset(await client.get(location), 204, 1000)
    }
  }),
  check(['end-5', 'end-13'], 'a chunk that was cut off goes on where the registry says', async (subject) => {
    const { client, raw } = subject
    const { location, bytes, digest } = await begun(subject)
    const head = lines(`PATCH ${pathOf(location)} HTTP/1.1`, 'Host: r', 'Content-Length: 2000')
    await raw(Buffer.concat([Buffer.from(head), bytes.subarray(1000, 1700)]), { waitMs: 300 })
    const rest = await eventually('the upload goes on', () => resume(client, location, bytes))
    expectOffset(rest, 202, SIZE)
    const closed = expectStatus(await client.put(withDigest(locationOf(rest), digest)), 201)
    await expectPulled(client, locationOf(closed), bytes)
  }),
  check(['end-5', 'end-13'], 'a chunk that has stalled does not lock its session', async (subject) => {
    const { client, target } = subject
    const { location, bytes, digest } = await begun(subject)
    const stalled = await target.rawConnect()
    stalled.on('error', () => undefined) // the registry may cut it off
    const head = lines(`PATCH ${pathOf(location)} HTTP/1.1`, 'Host: r', 'Content-Length: 2000')
    stalled.write(Buffer.concat([Buffer.from(head), bytes.subarray(1000, 1300)]))
    const rest = await eventually('the upload goes on', () => resume(client, location, bytes))
    expectOffset(rest, 202, SIZE)
    stalled.write(bytes.subarray(1300, 2000)) // a sender that was frozen wakes up
    const closed = expectStatus(await client.put(withDigest(locationOf(rest), digest)), 201)
    stalled.destroy()
    await expectPulled(client, locationOf(closed), bytes)
  }),
  check(['end-5'], 'an empty chunk changes nothing', async (subject) => {
    const { client } = subject
    const { location, bytes, digest } = await begun(subject)
    expectOffset(await client.patch(location, Buffer.alloc(0)), 202, 1000)
    expectStatus(await client.put(withDigest(location, digest), bytes.subarray(1000)), 201)
  }),
  check(
    ['min chunk'],
    'a smallest chunk, if one is named, is a number that small pushes survive',
    async (subject) => {
      const { client } = subject
      const answer = expectStatus(await client.post(`/v2/${subject.repository()}/blobs/uploads/`), 202)
      const smallest = answer.header('oci-chunk-min-length')
      if (smallest === undefined) return
      expect(smallest).toMatch(/^\d+$/)
      const { bytes, descriptor } = randomLayer(10)
      const patched = expectStatus(await client.patch(locationOf(answer), bytes, rangeOf(0, 10)), 202)
      expectStatus(await client.put(withDigest(locationOf(patched), descriptor.digest)), 201)
    },
  ),
  check(['end-5'], 'a blob of many small chunks is the same blob', async (subject) => {
    const { client } = subject
    const { bytes, descriptor } = randomLayer(SIZE)
    let location = await client.startUpload(subject.repository())
    for (let first = 0; first < SIZE; first += 100) {
      const answer = await client.patch(
        location,
        bytes.subarray(first, first + 100),
        rangeOf(first, first + 100),
      )
      expectOffset(answer, 202, first + 100)
      location = locationOf(answer)
    }
    const closed = expectStatus(await client.put(withDigest(location, descriptor.digest)), 201)
    await expectPulled(client, locationOf(closed), bytes)
  }),
]
