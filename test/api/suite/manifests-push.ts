import { expect } from '@jest/globals'

import { absentDigest, digestOf, makeImage, makeIndex, MEDIA_TYPES } from '../../support/images.js'
import {
  EVERY_MANIFEST_TYPE,
  expectStatus,
  locationOf,
  pathOf,
  pieces,
  withDigest,
} from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'
import { readTags } from './read.js'

const ACCEPT = { accept: EVERY_MANIFEST_TYPE }

/** PUT of manifests (end-7, end-7b). */
export const manifestPushChecks = [
  check(
    ['end-7'],
    'a push by tag and by digest is 201 at a place that serves the same bytes',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const image = makeImage()
      const { digest } = image.manifest.descriptor
      for (const blob of image.blobs) await client.pushBlob(name, blob)
      for (const reference of ['latest', digest]) {
        const answer = expectStatus(await client.putManifest(name, reference, image.manifest), 201)
        expectHeader(answer, 'docker-content-digest', digest)
        expectHeader(answer, 'content-length', '0')
        expect(pathOf(locationOf(answer))).toMatch(
          new RegExp(`^/v2/${name}/manifests/(${digest}|${reference})$`),
        )
        expect(expectStatus(await client.get(locationOf(answer), ACCEPT), 200).body).toEqual(
          image.manifest.bytes,
        )
      }
    },
  ),
  check(
    ['end-7', 'attack 36'],
    'other bytes than the digest are 400 DIGEST_INVALID and change nothing',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const [stored, other] = [makeImage(), makeImage()]
      const { digest } = await client.pushImage(name, stored, 'latest')
      for (const blob of other.blobs) await client.pushBlob(name, blob)
      for (const reference of [digest, absentDigest(), absentDigest('sha512')]) {
        expectError(await client.putManifest(name, reference, other.manifest), 400, 'DIGEST_INVALID')
      }
      expect(await client.pullManifest(name, 'latest')).toEqual(stored.manifest)
      expect(await client.pullManifest(name, digest)).toEqual(stored.manifest)
      expectError(await client.get(`/v2/${name}/manifests/${other.manifest.descriptor.digest}`, ACCEPT), 404)
    },
  ),
  check(['end-7'], 'one digest may have several tags', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    await client.pushImage(name, image, 'one')
    for (const tag of ['two', 'three']) await client.pushManifest(name, image.manifest, tag)
    for (const tag of ['one', 'two', 'three'])
      expect(await client.pullManifest(name, tag)).toEqual(image.manifest)
  }),
  check(['end-7'], 'a manifest in chunked transfer encoding is taken', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    for (const blob of image.blobs) await client.pushBlob(name, blob)
    const { bytes, descriptor } = image.manifest
    for (const reference of ['latest', descriptor.digest]) {
      const target = `/v2/${name}/manifests/${reference}`
      expectStatus(await client.put(target, pieces(bytes, 50), { 'content-type': descriptor.mediaType }), 201)
    }
    expect(await client.pullManifest(name, 'latest')).toEqual(image.manifest)
  }),
  check(
    ['end-7', 'empty blob'],
    'the empty blob in chunked transfer encoding is taken',
    async ({ client, repository }) => {
      const name = repository()
      const digest = digestOf(Buffer.alloc(0))
      const nothing = (): AsyncIterable<Uint8Array> => pieces(Buffer.alloc(0), 1)
      const posted = await client.post(`/v2/${name}/blobs/uploads/?digest=${digest}`, nothing())
      expectStatus(posted, 201, 202)
      const put = await client.put(withDigest(await client.startUpload(name), digest), nothing())
      expectStatus(put, 201)
      expect((await client.pullBlob(name, digest)).length).toBe(0)
    },
  ),
  check(
    ['end-7', 'attack 41'],
    'a missing config or layer is 400 MANIFEST_BLOB_UNKNOWN',
    async ({ client, repository }) => {
      const name = repository()
      const image = makeImage({ layers: 2 })
      for (const missing of image.blobs) {
        const target = `${name}/without-${image.blobs.indexOf(missing)}`
        for (const blob of image.blobs) if (blob !== missing) await client.pushBlob(target, blob)
        for (const reference of ['latest', image.manifest.descriptor.digest]) {
          expectError(
            await client.putManifest(target, reference, image.manifest),
            400,
            'MANIFEST_BLOB_UNKNOWN',
          )
          expectError(await client.get(`/v2/${target}/manifests/${reference}`, ACCEPT), 404)
        }
      }
    },
  ),
  check(
    ['attack 41', 'attack 39'],
    'blobs of another repository do not make a manifest whole',
    async (subject) => {
      const { client } = subject
      const [home, stranger] = [subject.repository(), subject.repository()]
      const image = makeImage()
      await client.pushImage(home, image, 'latest')
      const index = makeIndex([image.manifest])
      for (const manifest of [image.manifest, index]) {
        expectError(await client.putManifest(stranger, 'latest', manifest), 400, 'MANIFEST_BLOB_UNKNOWN')
      }
      expectError(await client.get(`/v2/${stranger}/manifests/latest`, ACCEPT), 404)
    },
  ),
  check(
    ['end-7', 'attack 31'],
    'a missing child of an index is 400 MANIFEST_BLOB_UNKNOWN',
    async ({ client, repository }) => {
      const name = repository()
      const [present, missing] = [makeImage(), makeImage()]
      await client.pushImage(name, present)
      const index = makeIndex([present.manifest, missing.manifest])
      expectError(await client.putManifest(name, 'latest', index), 400, 'MANIFEST_BLOB_UNKNOWN')
      expectError(await client.get(`/v2/${name}/manifests/latest`, ACCEPT), 404)
      await client.pushImage(name, missing)
      expectStatus(await client.putManifest(name, 'latest', index), 201)
    },
  ),
  check(['end-7b'], 'a push by digest sets every tag it names', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    for (const blob of image.blobs) await client.pushBlob(name, blob)
    const tags = Array.from({ length: 10 }, (_, n) => `v1.${n}`)
    const query = `?${tags.map((tag) => `tag=${tag}`).join('&')}`
    const answer = expectStatus(
      await client.putManifest(name, image.manifest.descriptor.digest, image.manifest, query),
      201,
    )
    const said = answer.headers['oci-tag'] ?? []
    expect((typeof said === 'string' ? said.split(/, */) : [...said]).sort()).toEqual(tags)
    for (const tag of tags) expect(await client.pullManifest(name, tag)).toEqual(image.manifest)
    expect(readTags(await client.get(`/v2/${name}/tags/list`))).toEqual(tags)
  }),
  check(
    ['end-7b', 'attack 38'],
    '32 tags in one push are taken, 33 are 414, a thousand too',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const image = makeImage()
      const { digest } = image.manifest.descriptor
      for (const blob of image.blobs) await client.pushBlob(name, blob)
      const query = (count: number): string =>
        `?${Array.from({ length: count }, (_, n) => `tag=t${n}`).join('&')}`
      for (const count of [33, 1000]) {
        expectError(await client.putManifest(name, digest, image.manifest, query(count)), 414)
        expectError(await client.get(`/v2/${name}/manifests/t0`, ACCEPT), 404)
      }
      expectStatus(await client.putManifest(name, digest, image.manifest, query(32)), 201)
      expect(readTags(await client.get(`/v2/${name}/tags/list`)).length).toBe(32)
    },
  ),
  check(['end-7b', 'attack 9'], 'one bad tag among good ones sets none', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    const { digest } = image.manifest.descriptor
    for (const blob of image.blobs) await client.pushBlob(name, blob)
    for (const bad of ['-x', 't'.repeat(129), '..%2Fx', '']) {
      const answer = await client.putManifest(name, digest, image.manifest, `?tag=good&tag=${bad}`)
      expectError(answer, 400, 'MANIFEST_INVALID')
      expectError(await client.get(`/v2/${name}/manifests/good`, ACCEPT), 404)
    }
  }),
  check(
    ['end-7', 'attack 29'],
    'a manifest of no or an unknown type is 400 MANIFEST_INVALID',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const image = makeImage()
      for (const blob of image.blobs) await client.pushBlob(name, blob)
      const target = `/v2/${name}/manifests/latest`
      for (const type of [
        'application/json',
        'text/plain',
        'nonsense',
        MEDIA_TYPES.ociConfig,
        `${MEDIA_TYPES.ociIndex}x`,
      ]) {
        expectError(
          await client.put(target, image.manifest.bytes, { 'content-type': type }),
          400,
          'MANIFEST_INVALID',
        )
      }
      expectError(await client.put(target, image.manifest.bytes), 400, 'MANIFEST_INVALID')
      expectError(await client.get(target, ACCEPT), 404)
    },
  ),
  check(
    ['attack 29'],
    'a Content-Type that differs from the mediaType is 400 MANIFEST_INVALID',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const [oci, docker] = [makeImage(), makeImage({ docker: true })]
      for (const blob of [...oci.blobs, ...docker.blobs]) await client.pushBlob(name, blob)
      const target = `/v2/${name}/manifests/latest`
      const crossed = [
        [oci.manifest, MEDIA_TYPES.dockerManifest],
        [oci.manifest, MEDIA_TYPES.ociIndex],
        [docker.manifest, MEDIA_TYPES.ociManifest],
        [makeIndex([]), MEDIA_TYPES.ociManifest],
      ] as const
      for (const [{ bytes }, type] of crossed) {
        expectError(await client.put(target, bytes, { 'content-type': type }), 400, 'MANIFEST_INVALID')
      }
      expectError(await client.get(target, ACCEPT), 404)
    },
  ),
]
