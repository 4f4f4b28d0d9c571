import { expect } from '@jest/globals'

import { absentDigest, digestOf, makeImage, randomLayer } from '../../support/images.js'
import { expectStatus, locationOf, withDigest } from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'
import { readIndex, readTags } from './read.js'

/** The second algorithm, announced by nobody before the end of an upload. */
export const sha512Checks = [
  check(
    ['sha512'],
    'a blob is pushed in each style, pulled and deleted under sha512',
    async ({ client, repository }) => {
      const name = repository()
      for (const style of ['post-put', 'single-post', 'chunks', 'stream'] as const) {
        const layer = randomLayer(10_000, 'sha512')
        const { digest } = await client.pushBlob(name, layer, { style })
        const got = expectStatus(await client.get(`/v2/${name}/blobs/${digest}`), 200)
        expect(got.body.equals(layer.bytes)).toBe(true)
        expectHeader(got, 'docker-content-digest', digest)
        expectHeader(
          expectStatus(await client.head(`/v2/${name}/blobs/${digest}`), 200),
          'docker-content-digest',
          digest,
        )
        expectStatus(await client.delete(`/v2/${name}/blobs/${digest}`), 202)
        expectError(await client.get(`/v2/${name}/blobs/${digest}`), 404, 'BLOB_UNKNOWN')
      }
    },
  ),
  check(
    ['sha512'],
    'an absent or wrong sha512 digest is refused like any',
    async ({ client, repository }) => {
      const name = repository()
      const { bytes } = randomLayer(5000)
      const patched = expectStatus(await client.patch(await client.startUpload(name), bytes), 202)
      expectError(
        await client.put(withDigest(locationOf(patched), absentDigest('sha512'))),
        400,
        'DIGEST_INVALID',
      )
      expectError(await client.get(`/v2/${name}/blobs/${absentDigest('sha512')}`), 404, 'BLOB_UNKNOWN')
    },
  ),
  check(
    ['sha512', 'end-7'],
    'an image all in sha512 is pushed and pulled by tag and digest',
    async ({ client, repository }) => {
      const name = repository()
      const image = makeImage({ algorithm: 'sha512' })
      const { digest } = image.manifest.descriptor
      for (const blob of image.blobs) await client.pushBlob(name, blob)
      const put = expectStatus(await client.putManifest(name, digest, image.manifest), 201)
      expectHeader(put, 'docker-content-digest', digest)
      const byDigest = expectStatus(await client.get(`/v2/${name}/manifests/${digest}`), 200)
      expectHeader(byDigest, 'docker-content-digest', digest)
      expect(byDigest.body).toEqual(image.manifest.bytes)
      expectStatus(await client.putManifest(name, 'latest', image.manifest), 201)
      const byTag = expectStatus(await client.get(`/v2/${name}/manifests/latest`), 200)
      expect(byTag.body).toEqual(image.manifest.bytes)
      expect(byTag.header('docker-content-digest')).toBe(digestOf(image.manifest.bytes))
    },
  ),
  check(
    ['sha512', 'end-7b'],
    'a tag set together with a sha512 digest answers with it',
    async ({ client, repository }) => {
      const name = repository()
      const image = makeImage({ algorithm: 'sha512' })
      const { digest } = image.manifest.descriptor
      for (const blob of image.blobs) await client.pushBlob(name, blob)
      expectStatus(await client.putManifest(name, digest, image.manifest, '?tag=v512'), 201)
      const byTag = expectStatus(await client.get(`/v2/${name}/manifests/v512`), 200)
      expectHeader(byTag, 'docker-content-digest', digest)
      expect(byTag.body).toEqual(image.manifest.bytes)
      expect(readTags(await client.get(`/v2/${name}/tags/list`))).toEqual(['v512'])
    },
  ),
  check(['sha512'], 'a manifest is deleted under sha512', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage({ algorithm: 'sha512' })
    const { digest } = image.manifest.descriptor
    await client.pushImage(name, image)
    expectStatus(await client.delete(`/v2/${name}/manifests/${digest}`), 202)
    expectError(await client.get(`/v2/${name}/manifests/${digest}`), 404, 'MANIFEST_UNKNOWN')
    expectStatus(await client.head(`/v2/${name}/manifests/${digest}`), 404)
  }),
  check(['sha512', 'end-12a'], 'a subject named by sha512 has referrers', async ({ client, repository }) => {
    const name = repository()
    const subject = makeImage({ algorithm: 'sha512' }).manifest.descriptor
    const referrer = makeImage({ layers: 1, fields: { subject, artifactType: 'application/x.test' } })
    for (const blob of referrer.blobs) await client.pushBlob(name, blob)
    const answer = await client.putManifest(name, 'signature', referrer.manifest)
    expectHeader(expectStatus(answer, 201), 'oci-subject', subject.digest)
    const list = expectStatus(await client.get(`/v2/${name}/referrers/${subject.digest}`), 200)
    expect(readIndex(list.body).map(({ digest }) => digest)).toEqual([referrer.manifest.descriptor.digest])
  }),
]
