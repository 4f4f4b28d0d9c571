import { expect } from '@jest/globals'

import { absentDigest, digestOf, makeImage, makeIndex, MEDIA_TYPES } from '../../support/images.js'
import { type Answer, EVERY_MANIFEST_TYPE, expectStatus } from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'

const ACCEPT = { accept: EVERY_MANIFEST_TYPE }

function expectManifestHeaders(answer: Answer, mediaType: string, digest: string, sizeBytes: number): void {
  expectHeader(answer, 'content-type', mediaType)
  expectHeader(answer, 'content-length', String(sizeBytes))
  expectHeader(answer, 'docker-content-digest', digest)
  expectHeader(answer, 'etag', `"${digest}"`)
}

/** GET and HEAD of manifests (end-3). */
export const manifestPullChecks = [
  check(
    ['end-3', 'content headers'],
    'a manifest comes back byte for byte by tag and digest, with type, length and digest',
    async ({ client, repository }) => {
      const name = repository()
      const oci = makeImage()
      const docker = makeImage({ docker: true })
      await client.pushImage(name, oci)
      await client.pushImage(name, docker)
      const index = makeIndex([oci.manifest])
      const list = makeIndex([docker.manifest], { docker: true })
      for (const [tag, manifest] of Object.entries({
        oci: oci.manifest,
        docker: docker.manifest,
        index,
        list,
      })) {
        const { digest, mediaType, size } = await client.pushManifest(name, manifest, tag)
        for (const reference of [tag, digest]) {
          const target = `/v2/${name}/manifests/${reference}`
          const got = expectStatus(await client.get(target, ACCEPT), 200)
          expect(got.body).toEqual(manifest.bytes)
          expectManifestHeaders(got, mediaType, digest, size)
          const head = expectStatus(await client.head(target, ACCEPT), 200)
          expect(head.body.length).toBe(0)
          expectManifestHeaders(head, mediaType, digest, size)
        }
      }
    },
  ),
  check(
    ['end-3'],
    'a manifest is what was pushed, whatever the client accepts',
    async ({ client, repository }) => {
      const name = repository()
      const image = makeImage()
      const docker = makeImage({ docker: true })
      const index = makeIndex([image.manifest])
      await client.pushImage(name, image, 'oci')
      await client.pushImage(name, docker, 'docker')
      await client.pushManifest(name, index, 'index')
      const wanted = { oci: image.manifest, docker: docker.manifest, index }
      for (const [tag, { bytes, descriptor }] of Object.entries(wanted)) {
        for (const accept of [
          undefined,
          '*/*',
          'application/json',
          MEDIA_TYPES.dockerManifest,
          'text/html;q=1',
        ]) {
          const headers = accept === undefined ? {} : { accept }
          const answer = expectStatus(await client.get(`/v2/${name}/manifests/${tag}`, headers), 200)
          expect(answer.body).toEqual(bytes)
          expectHeader(answer, 'content-type', descriptor.mediaType)
        }
      }
    },
  ),
  check(['end-3'], 'a manifest that is absent is 404 MANIFEST_UNKNOWN', async ({ client, repository }) => {
    const known = repository()
    await client.pushImage(known, makeImage(), 'latest')
    for (const name of [known, repository()]) {
      for (const reference of ['absent', absentDigest(), absentDigest('sha512')]) {
        const target = `/v2/${name}/manifests/${reference}`
        expectError(await client.get(target), 404, 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN')
        expect(expectStatus(await client.head(target), 404).body.length).toBe(0)
      }
    }
  }),
  check(['end-3'], 'a manifest that the client has already is 304', async ({ client, repository }) => {
    const name = repository()
    const { digest } = await client.pushImage(name, makeImage(), 'latest')
    for (const reference of ['latest', digest]) {
      const target = `/v2/${name}/manifests/${reference}`
      const answer = await client.get(target, { ...ACCEPT, 'if-none-match': `"${digest}"` })
      expect(expectStatus(answer, 304).body.length).toBe(0)
      expectHeader(answer, 'etag', `"${digest}"`)
      expectStatus(await client.get(target, { ...ACCEPT, 'if-none-match': '"other"' }), 200)
    }
  }),
  check(
    ['end-3', 'attack 39'],
    'a manifest of another repository looks absent',
    async ({ client, repository }) => {
      const [home, stranger] = [repository(), repository()]
      const { digest } = await client.pushImage(home, makeImage(), 'latest')
      await client.pushImage(stranger, makeImage(), 'other')
      for (const reference of [digest, 'latest']) {
        expectError(await client.get(`/v2/${stranger}/manifests/${reference}`), 404, 'MANIFEST_UNKNOWN')
      }
    },
  ),
  check(['end-3'], 'the Content-Type of a manifest has no parameters', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    for (const blob of image.blobs) await client.pushBlob(name, blob)
    const headers = { 'content-type': `${image.manifest.descriptor.mediaType}; charset=utf-8` }
    const put = await client.put(`/v2/${name}/manifests/latest`, image.manifest.bytes, headers)
    if (put.status !== 201) {
      expectError(put, 400, 'MANIFEST_INVALID')
      return
    }
    const answer = expectStatus(await client.get(`/v2/${name}/manifests/latest`, ACCEPT), 200)
    expectHeader(answer, 'content-type', image.manifest.descriptor.mediaType)
  }),
  check(
    ['end-3', 'end-7'],
    'a tag that moves leaves the old manifest to its digest',
    async ({ client, repository }) => {
      const name = repository()
      const [first, second] = [makeImage(), makeImage()]
      await client.pushImage(name, first, 'moving')
      await client.pushImage(name, second, 'moving')
      expect(await client.pullManifest(name, 'moving')).toEqual(second.manifest)
      expect(await client.pullManifest(name, first.manifest.descriptor.digest)).toEqual(first.manifest)
      await client.pushManifest(name, first.manifest, 'moving')
      expect(await client.pullManifest(name, 'moving')).toEqual(first.manifest)
      expect(digestOf(first.manifest.bytes)).toBe(first.manifest.descriptor.digest)
    },
  ),
]
