import { expect } from '@jest/globals'

import { absentDigest, makeImage, makeIndex, randomLayer } from '../../support/images.js'
import { EVERY_MANIFEST_TYPE, expectStatus, type RegistryClient } from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError } from './expect-answer.js'
import { readTags } from './read.js'

const ACCEPT = { accept: EVERY_MANIFEST_TYPE }

async function expectNoManifest(client: RegistryClient, name: string, reference: string): Promise<void> {
  expectError(
    await client.get(`/v2/${name}/manifests/${reference}`, ACCEPT),
    404,
    'MANIFEST_UNKNOWN',
    'NAME_UNKNOWN',
  )
  expectStatus(await client.head(`/v2/${name}/manifests/${reference}`, ACCEPT), 404)
}

/** DELETE of tags, manifests and blobs (end-9, end-10). */
export const deleteChecks = [
  check(['end-9'], 'deleting a tag takes only the tag', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    await client.pushImage(name, image, 'one')
    await client.pushManifest(name, image.manifest, 'two')
    expectStatus(await client.delete(`/v2/${name}/manifests/one`), 202)
    await expectNoManifest(client, name, 'one')
    expect(await client.pullManifest(name, 'two')).toEqual(image.manifest)
    expect(await client.pullManifest(name, image.manifest.descriptor.digest)).toEqual(image.manifest)
    expect(readTags(await client.get(`/v2/${name}/tags/list`))).toEqual(['two'])
  }),
  check(['end-9'], 'deleting a manifest takes all its tags and no other', async ({ client, repository }) => {
    const name = repository()
    const [image, other] = [makeImage(), makeImage()]
    const { digest } = await client.pushImage(name, image, 'one')
    await client.pushManifest(name, image.manifest, 'two')
    await client.pushImage(name, other, 'other')
    expectStatus(await client.delete(`/v2/${name}/manifests/${digest}`), 202)
    for (const reference of ['one', 'two', digest]) await expectNoManifest(client, name, reference)
    expect(await client.pullManifest(name, 'other')).toEqual(other.manifest)
    expect(readTags(await client.get(`/v2/${name}/tags/list`))).toEqual(['other'])
  }),
  check(['end-9'], 'a manifest deleted here stays in other repositories', async ({ client, repository }) => {
    const [here, there] = [repository(), repository()]
    const image = makeImage()
    const { digest } = await client.pushImage(here, image, 'latest')
    await client.pushImage(there, image, 'latest')
    expectStatus(await client.delete(`/v2/${here}/manifests/${digest}`), 202)
    await expectNoManifest(client, here, digest)
    for (const reference of ['latest', digest]) {
      expect(await client.pullManifest(there, reference)).toEqual(image.manifest)
    }
  }),
  check(['end-9'], 'what is not there cannot be deleted: 404', async ({ client, repository }) => {
    const name = repository()
    const { digest } = await client.pushImage(name, makeImage(), 'latest')
    for (const reference of ['absent', absentDigest()]) {
      expectError(
        await client.delete(`/v2/${name}/manifests/${reference}`),
        404,
        'MANIFEST_UNKNOWN',
        'NAME_UNKNOWN',
      )
    }
    expectError(await client.delete(`/v2/${repository()}/manifests/${digest}`), 404)
    for (const gone of ['latest', digest]) {
      expectStatus(await client.delete(`/v2/${name}/manifests/${gone}`), 202)
      expectError(
        await client.delete(`/v2/${name}/manifests/${gone}`),
        404,
        'MANIFEST_UNKNOWN',
        'NAME_UNKNOWN',
      )
    }
  }),
  check(['end-9'], 'deleting an index leaves its children', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    await client.pushImage(name, image)
    const index = makeIndex([image.manifest])
    const { digest } = await client.pushManifest(name, index, 'latest')
    expectStatus(await client.delete(`/v2/${name}/manifests/${digest}`), 202)
    await expectNoManifest(client, name, 'latest')
    expect(await client.pullManifest(name, image.manifest.descriptor.digest)).toEqual(image.manifest)
  }),
  check(['end-9'], 'a deleted manifest can be pushed again', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    const { digest } = await client.pushImage(name, image, 'latest')
    for (let round = 0; round < 3; round += 1) {
      expectStatus(await client.delete(`/v2/${name}/manifests/${digest}`), 202)
      await client.pushManifest(name, image.manifest, 'latest')
      for (const reference of ['latest', digest]) {
        expect(await client.pullManifest(name, reference)).toEqual(image.manifest)
      }
    }
  }),
  check(
    ['end-10'],
    'a deleted blob is gone at once, and can be pushed again',
    async ({ client, repository }) => {
      const name = repository()
      const layer = randomLayer()
      const target = `/v2/${name}/blobs/${layer.descriptor.digest}`
      for (let round = 0; round < 3; round += 1) {
        await client.pushBlob(name, layer)
        expectStatus(await client.head(target), 200)
        expectStatus(await client.delete(target), 202)
        expectError(await client.get(target), 404, 'BLOB_UNKNOWN')
        expectStatus(await client.head(target), 404)
        expectError(await client.delete(target), 404, 'BLOB_UNKNOWN')
      }
    },
  ),
  check(['end-10'], 'a blob that was never there cannot be deleted: 404', async ({ client, repository }) => {
    const name = repository()
    await client.pushBlob(name, randomLayer())
    for (const place of [name, repository()]) {
      const answer = await client.delete(`/v2/${place}/blobs/${absentDigest()}`)
      expectError(answer, 404, 'BLOB_UNKNOWN', 'NAME_UNKNOWN')
    }
  }),
  check(
    ['attack 45'],
    'a blob deleted in one repository stays deleted when another pulls it',
    async (subject) => {
      const { client } = subject
      const [here, there] = [subject.repository(), subject.repository()]
      const layer = randomLayer()
      const { digest } = await client.pushBlob(here, layer)
      await client.pushBlob(there, layer)
      expectStatus(await client.delete(`/v2/${here}/blobs/${digest}`), 202)
      expect(await client.pullBlob(there, digest)).toEqual(layer.bytes)
      expectStatus(await client.head(`/v2/${there}/blobs/${digest}`), 200)
      expectError(await client.get(`/v2/${here}/blobs/${digest}`), 404, 'BLOB_UNKNOWN')
      expectStatus(await client.head(`/v2/${here}/blobs/${digest}`), 404)
    },
  ),
  check(['end-9'], 'deletes of what is not there never stop a push', async ({ client, repository }) => {
    const name = repository()
    for (let round = 0; round < 4; round += 1) {
      for (let n = 0; n < 4; n += 1) {
        expectError(await client.delete(`/v2/${name}/manifests/absent`), 404)
        expectError(await client.delete(`/v2/${name}/manifests/${absentDigest()}`), 404)
        expectError(await client.delete(`/v2/${name}/blobs/${absentDigest()}`), 404)
      }
      await client.pushImage(name, makeImage({ layers: 1 }), 'latest')
      expectStatus(await client.delete(`/v2/${name}/manifests/latest`), 202)
    }
  }),
  check(
    ['end-9', 'attack 31'],
    'an index that lost a child is still served, and not taken anew',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const image = makeImage()
      await client.pushImage(name, image)
      const index = makeIndex([image.manifest])
      await client.pushManifest(name, index, 'latest')
      expectStatus(await client.delete(`/v2/${name}/manifests/${image.manifest.descriptor.digest}`), 202)
      expect(await client.pullManifest(name, 'latest')).toEqual(index)
      expectError(await client.putManifest(name, 'again', index), 400, 'MANIFEST_BLOB_UNKNOWN')
      await client.pushManifest(name, image.manifest)
      expectStatus(await client.putManifest(name, 'again', index), 201)
    },
  ),
  check(
    ['end-10', 'end-11', 'attack 41'],
    'a deleted blob makes no manifest whole and cannot be mounted',
    async (subject) => {
      const { client } = subject
      const [here, there] = [subject.repository(), subject.repository()]
      const image = makeImage({ layers: 1 })
      for (const blob of image.blobs) await client.pushBlob(here, blob)
      const [config] = image.blobs
      const digest = String(config?.descriptor.digest)
      expectStatus(await client.delete(`/v2/${here}/blobs/${digest}`), 202)
      expectError(await client.putManifest(here, 'latest', image.manifest), 400, 'MANIFEST_BLOB_UNKNOWN')
      expectStatus(await client.post(`/v2/${there}/blobs/uploads/?mount=${digest}&from=${here}`), 202)
      for (const blob of image.blobs) await client.pushBlob(here, blob)
      expectStatus(await client.putManifest(here, 'latest', image.manifest), 201)
      expectStatus(await client.post(`/v2/${there}/blobs/uploads/?mount=${digest}&from=${here}`), 201)
    },
  ),
]

/** The same, where the configuration forbids it. */
export const refusedDeleteChecks = [
  check(
    ['end-9', 'end-10', 'attack 44'],
    'with deletes off a tag, a manifest and a blob are 405 UNSUPPORTED',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const image = makeImage({ layers: 1 })
      const { digest } = await client.pushImage(name, image, 'latest')
      const [config] = image.blobs
      const blob = String(config?.descriptor.digest)
      for (const target of [`manifests/latest`, `manifests/${digest}`, `blobs/${blob}`]) {
        expectError(await client.delete(`/v2/${name}/${target}`), 405, 'UNSUPPORTED')
      }
      expect(await client.pullManifest(name, 'latest')).toEqual(image.manifest)
      expect(await client.pullManifest(name, digest)).toEqual(image.manifest)
      expect(await client.pullBlob(name, blob)).toEqual(config?.bytes)
    },
  ),
  check(['attack 44'], 'with deletes off what is absent is 405 too', async ({ client, repository }) => {
    const name = repository()
    for (const target of ['manifests/absent', `manifests/${absentDigest()}`, `blobs/${absentDigest()}`]) {
      expectError(await client.delete(`/v2/${name}/${target}`), 405, 'UNSUPPORTED')
    }
  }),
  check(['end-14'], 'with deletes off an upload can still be given up', async ({ client, repository }) => {
    const location = await client.startUpload(repository())
    expectStatus(await client.delete(location), 204)
    expectError(await client.get(location), 404, 'BLOB_UPLOAD_UNKNOWN')
  }),
]
