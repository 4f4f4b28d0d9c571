import { randomUUID } from 'node:crypto'
import { once } from 'node:events'

import { expect } from '@jest/globals'

import { absentDigest, randomLayer } from '../../support/images.js'
import { lines, sendRaw } from '../../support/raw-http.js'
import {
  expectStatus,
  locationOf,
  pathOf,
  pieces,
  type RegistryClient,
  withDigest,
} from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError, expectHeader, expectRaw } from './expect-answer.js'

const OCTETS = { 'content-type': 'application/octet-stream' }

/** Throws unless a finished upload points at a blob with these bytes. */
export async function expectPulled(client: RegistryClient, location: string, bytes: Buffer): Promise<void> {
  const { body } = expectStatus(await client.get(location), 200)
  expect(body.equals(bytes)).toBe(true)
}

/** Sessions from their start to their end (end-4a, 4b, 4c, 6, 13, 14). */
export const uploadChecks = [
  check(['end-4a'], 'an upload starts with 202 and a session of its own', async ({ client, repository }) => {
    const name = repository()
    const locations = new Set<string>()
    for (let n = 0; n < 5; n += 1) {
      const answer = expectStatus(await client.post(`/v2/${name}/blobs/uploads/`), 202)
      expectHeader(answer, 'content-length', '0')
      expectHeader(answer, 'range', /^0-\d+$/)
      locations.add(locationOf(answer))
    }
    expect(locations.size).toBe(5)
  }),
  check(
    ['end-4a'],
    'the session lies under the repository and names its id',
    async ({ client, repository }) => {
      const name = repository()
      const answer = expectStatus(await client.post(`/v2/${name}/blobs/uploads/`), 202)
      const id = /\/blobs\/uploads\/([0-9a-f-]{36})(?:\?|$)/.exec(locationOf(answer))?.[1]
      expect(pathOf(locationOf(answer)).startsWith(`/v2/${name}/blobs/uploads/`)).toBe(true)
      expectHeader(answer, 'docker-upload-uuid', String(id))
    },
  ),
  check(
    ['end-4b'],
    'a blob whole in the POST is there at 201, not at 202',
    async ({ client, repository }) => {
      const name = repository()
      const layer = randomLayer(5000)
      const { digest } = layer.descriptor
      const answer = await client.post(`/v2/${name}/blobs/uploads/?digest=${digest}`, layer.bytes, OCTETS)
      if (expectStatus(answer, 201, 202).status === 201) {
        await expectPulled(client, locationOf(answer), layer.bytes)
        return
      }
      expectStatus(await client.head(`/v2/${name}/blobs/${digest}`), 404)
      expectStatus(await client.put(withDigest(locationOf(answer), digest), layer.bytes, OCTETS), 201)
      expect(await client.pullBlob(name, digest)).toEqual(layer.bytes)
    },
  ),
  check(['end-4b'], 'a blob whole in the POST is taken at once', async ({ client, repository }) => {
    const name = repository()
    const layer = randomLayer(5000)
    const { digest } = layer.descriptor
    for (const body of [layer.bytes, pieces(layer.bytes, 700)]) {
      const target = `/v2/${name}/blobs/uploads/?digest=${encodeURIComponent(digest)}`
      expectStatus(await client.post(target, body, OCTETS), 201)
    }
    expect(await client.pullBlob(name, digest)).toEqual(layer.bytes)
  }),
  check(
    ['end-4b', 'attack 36'],
    'a POST with other bytes than its digest is 400 DIGEST_INVALID',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const digest = absentDigest()
      const answer = await client.post(`/v2/${name}/blobs/uploads/?digest=${digest}`, 'other bytes', OCTETS)
      expectError(answer, 400, 'DIGEST_INVALID')
      expectStatus(await client.head(`/v2/${name}/blobs/${digest}`), 404)
    },
  ),
  check(
    ['end-6'],
    'the closing PUT takes the whole blob, the last chunk, or nothing',
    async ({ client, repository }) => {
      const name = repository()
      for (const closing of ['whole', 'last', 'nothing'] as const) {
        const { bytes, descriptor } = randomLayer(9000)
        const cut = { whole: 0, last: 5000, nothing: 9000 }[closing]
        let location = await client.startUpload(name)
        if (cut > 0)
          location = locationOf(expectStatus(await client.patch(location, bytes.subarray(0, cut)), 202))
        const answer = await client.put(withDigest(location, descriptor.digest), bytes.subarray(cut), OCTETS)
        expectStatus(answer, 201)
        expectHeader(answer, 'docker-content-digest', descriptor.digest)
        expectHeader(answer, 'content-length', '0')
        await expectPulled(client, locationOf(answer), bytes)
      }
    },
  ),
  check(['end-6'], 'the finished blob lies at its own path', async ({ client, repository }) => {
    const name = repository()
    const { bytes, descriptor } = randomLayer()
    const location = await client.startUpload(name)
    const answer = expectStatus(await client.put(withDigest(location, descriptor.digest), bytes, OCTETS), 201)
    expect(pathOf(locationOf(answer))).toBe(`/v2/${name}/blobs/${descriptor.digest}`)
  }),
  check(
    ['end-6', 'attack 36'],
    'a wrong digest at the end is 400 DIGEST_INVALID for each style',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      for (const closing of ['whole', 'last', 'nothing'] as const) {
        const { bytes } = randomLayer(9000)
        const cut = { whole: 0, last: 5000, nothing: 9000 }[closing]
        let location = await client.startUpload(name)
        if (cut > 0)
          location = locationOf(expectStatus(await client.patch(location, bytes.subarray(0, cut)), 202))
        const digest = absentDigest()
        expectError(
          await client.put(withDigest(location, digest), bytes.subarray(cut), OCTETS),
          400,
          'DIGEST_INVALID',
        )
        expectStatus(await client.head(`/v2/${name}/blobs/${digest}`), 404)
      }
    },
  ),
  check(['end-6'], 'a closing PUT without a digest is 400 DIGEST_INVALID', async ({ client, repository }) => {
    const location = await client.startUpload(repository())
    expectError(await client.put(location, 'bytes', OCTETS), 400, 'DIGEST_INVALID')
  }),
  check(
    ['end-6', 'end-13', 'attack 11'],
    'a session that is not is 404 BLOB_UPLOAD_UNKNOWN',
    async ({ client, repository }) => {
      const name = repository()
      await client.pushBlob(name, randomLayer())
      for (const id of [randomUUID(), 'guess', 'a.b', '0', 'x'.repeat(200)]) {
        const target = `/v2/${name}/blobs/uploads/${id}`
        expectError(await client.get(target), 404, 'BLOB_UPLOAD_UNKNOWN')
        expectError(await client.patch(target, 'bytes'), 404, 'BLOB_UPLOAD_UNKNOWN')
        expectError(
          await client.put(`${target}?digest=${absentDigest()}`, 'bytes'),
          404,
          'BLOB_UPLOAD_UNKNOWN',
        )
        expectError(await client.delete(target), 404, 'BLOB_UPLOAD_UNKNOWN')
      }
    },
  ),
  check(['attack 11'], 'a session belongs to its repository', async ({ client, repository }) => {
    const [home, stranger] = [repository(), repository()]
    const { bytes, descriptor } = randomLayer()
    const location = await client.startUpload(home)
    await client.startUpload(stranger)
    const moved = location.replace(`/v2/${home}/`, `/v2/${stranger}/`)
    expectError(await client.get(moved), 404, 'BLOB_UPLOAD_UNKNOWN')
    expectError(await client.patch(moved, bytes), 404, 'BLOB_UPLOAD_UNKNOWN')
    expectError(await client.put(withDigest(moved, descriptor.digest), bytes), 404, 'BLOB_UPLOAD_UNKNOWN')
    expectError(await client.delete(moved), 404, 'BLOB_UPLOAD_UNKNOWN')
    expectStatus(await client.put(withDigest(location, descriptor.digest), bytes), 201)
  }),
  check(
    ['attack 11'],
    'a tampered session state is refused or without effect',
    async ({ client, repository }) => {
      const location = await client.startUpload(repository())
      const [path = ''] = location.split('?')
      for (const state of ['x', '', 'e30=', 'A'.repeat(500)]) {
        const answer = await client.patch(`${path}?_state=${state}`, 'bytes', { 'content-range': '0-4' })
        if (answer.status === 202) {
          expectHeader(answer, 'range', '0-4')
          return
        }
        expectError(answer, [400, 404], 'BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID')
      }
    },
  ),
  check(['end-14'], 'DELETE ends a session', async ({ client, repository }) => {
    const name = repository()
    const { bytes, descriptor } = randomLayer()
    const start = await client.startUpload(name)
    const location = locationOf(expectStatus(await client.patch(start, bytes), 202))
    expectStatus(await client.delete(location), 204)
    expectError(await client.get(location), 404, 'BLOB_UPLOAD_UNKNOWN')
    expectError(await client.put(withDigest(location, descriptor.digest)), 404, 'BLOB_UPLOAD_UNKNOWN')
    expectError(await client.delete(location), 404, 'BLOB_UPLOAD_UNKNOWN')
    expectStatus(await client.head(`/v2/${name}/blobs/${descriptor.digest}`), 404)
  }),
  check(['end-6', 'end-13'], 'a finished session is gone', async ({ client, repository }) => {
    const { bytes, descriptor } = randomLayer()
    const location = await client.startUpload(repository())
    expectStatus(await client.put(withDigest(location, descriptor.digest), bytes), 201)
    expectError(await client.get(location), 404, 'BLOB_UPLOAD_UNKNOWN')
    expectError(await client.patch(location, 'more'), 404, 'BLOB_UPLOAD_UNKNOWN')
  }),
  check(
    ['end-4c', 'sha512'],
    'an algorithm announced at the start is used at the end',
    async ({ client, repository }) => {
      const name = repository()
      for (const algorithm of ['sha256', 'sha512'] as const) {
        const { bytes, descriptor } = randomLayer(3000, algorithm)
        const started = await client.post(`/v2/${name}/blobs/uploads/?digest-algorithm=${algorithm}`)
        const patched = expectStatus(await client.patch(locationOf(expectStatus(started, 202)), bytes), 202)
        expectStatus(await client.put(withDigest(locationOf(patched), descriptor.digest)), 201)
        expect(await client.pullBlob(name, descriptor.digest)).toEqual(bytes)
      }
    },
  ),
  check(
    ['end-4c'],
    'an algorithm that nobody knows is refused, or the session is an ordinary one',
    async (subject) => {
      const { client } = subject
      const answer = await client.post(`/v2/${subject.repository()}/blobs/uploads/?digest-algorithm=md5`)
      if (answer.status !== 202) expectError(answer, 400, 'DIGEST_INVALID')
    },
  ),
  check(
    ['attack 42'],
    'a digest that is known elsewhere still needs all of its bytes',
    async ({ client, repository }) => {
      const [home, stranger] = [repository(), repository()]
      const { bytes, descriptor } = randomLayer(4000)
      await client.pushBlob(home, bytes)
      const { digest } = descriptor
      const target = `/v2/${stranger}/blobs/uploads/?digest=${digest}`
      for (const less of [Buffer.alloc(0), bytes.subarray(0, 3999)]) {
        expectError(await client.post(target, less, OCTETS), 400, 'DIGEST_INVALID')
        const location = await client.startUpload(stranger)
        expectError(await client.put(withDigest(location, digest), less, OCTETS), 400, 'DIGEST_INVALID')
        expectStatus(await client.head(`/v2/${stranger}/blobs/${digest}`), 404)
      }
      expectStatus(
        await client.put(withDigest(await client.startUpload(stranger), digest), bytes, OCTETS),
        201,
      )
    },
  ),
  check(
    ['end-6'],
    'pushing the same blob again is 201, also by several at once',
    async ({ client, repository }) => {
      const name = repository()
      const layer = randomLayer(200_000)
      await Promise.all(Array.from({ length: 8 }, () => client.pushBlob(name, layer, { style: 'stream' })))
      await client.pushBlob(name, layer)
      expect((await client.pullBlob(name, layer.descriptor.digest)).equals(layer.bytes)).toBe(true)
    },
  ),
  check(['end-6'], 'Expect: 100-continue is answered before the body is sent', async (subject) => {
    const { client, target } = subject
    const { bytes, descriptor } = randomLayer(10)
    const location = withDigest(await client.startUpload(subject.repository()), descriptor.digest)
    const socket = await target.rawConnect()
    socket.write(
      lines(`PUT ${pathOf(location)} HTTP/1.1`, 'Host: r', 'Content-Length: 10', 'Expect: 100-continue'),
    )
    const [first] = await once(socket, 'data')
    expect(String(first)).toMatch(/^HTTP\/1\.1 100 /)
    expectRaw(await sendRaw(socket, bytes, { answers: 1 }), 201)
  }),
]
