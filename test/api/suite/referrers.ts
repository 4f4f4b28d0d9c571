import { expect } from '@jest/globals'

import {
  absentDigest,
  type Content,
  type Descriptor,
  makeArtifact,
  makeImage,
  makeIndex,
  MEDIA_TYPES,
} from '../../support/images.js'
import { type Answer, expectStatus, type RegistryClient } from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError, expectHeader } from './expect-answer.js'
import { followPages } from './pages.js'
import { readIndex, readObject } from './read.js'

async function listReferrers(
  client: RegistryClient,
  name: string,
  digest: string,
  query = '',
): Promise<Answer> {
  const answer = expectStatus(await client.get(`/v2/${name}/referrers/${digest}${query}`), 200)
  expectHeader(answer, 'content-type', MEDIA_TYPES.ociIndex)
  expect(readObject(answer.body)).toMatchObject({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex })
  return answer
}

async function digestsOf(
  client: RegistryClient,
  name: string,
  digest: string,
  query = '',
): Promise<readonly string[]> {
  return readIndex((await listReferrers(client, name, digest, query)).body)
    .map((entry) => entry.digest)
    .sort()
}

function sorted(...contents: readonly Content[]): readonly string[] {
  return contents.map(({ descriptor }) => descriptor.digest).sort()
}

/** subject and the list of what refers to it (end-12a, end-12b). */
export const referrerChecks = [
  check(
    ['subject'],
    'a subject that does not exist yet is accepted and named in OCI-Subject',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const later = makeImage()
      const image = makeArtifact('application/x.test', { subject: later.manifest.descriptor })
      for (const blob of image.blobs) await client.pushBlob(name, blob)
      const index = makeIndex([], { fields: { subject: later.manifest.descriptor } })
      for (const manifest of [image.manifest, index]) {
        for (const reference of ['tagged', manifest.descriptor.digest]) {
          const answer = expectStatus(await client.putManifest(name, reference, manifest), 201)
          expectHeader(answer, 'oci-subject', later.manifest.descriptor.digest)
        }
      }
      expect(await digestsOf(client, name, later.manifest.descriptor.digest)).toEqual(
        sorted(image.manifest, index),
      )
      await client.pushImage(name, later, 'latest')
      expect(await digestsOf(client, name, later.manifest.descriptor.digest)).toEqual(
        sorted(image.manifest, index),
      )
    },
  ),
  check(['subject'], 'a push without a subject says nothing of one', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage()
    for (const blob of image.blobs) await client.pushBlob(name, blob)
    const answer = expectStatus(await client.putManifest(name, 'latest', image.manifest), 201)
    expect(answer.header('oci-subject')).toBeUndefined()
  }),
  check(
    ['end-12a'],
    'a digest that nothing refers to has an empty list, in any repository',
    async (subject) => {
      const { client } = subject
      const known = subject.repository()
      const { digest } = await client.pushImage(known, makeImage(), 'latest')
      for (const name of [known, subject.repository()]) {
        for (const asked of [digest, absentDigest(), absentDigest('sha512')]) {
          expect(await digestsOf(client, name, asked)).toEqual([])
          expect(await digestsOf(client, name, asked, '?artifactType=a%2Fb')).toEqual([])
        }
      }
    },
  ),
  check(['end-12a', 'attack 10'], 'a malformed digest or name is 400', async ({ client, repository }) => {
    const name = repository()
    for (const digest of ['x', 'sha256:0', `sha256:${'A'.repeat(64)}`, `md5:${'0'.repeat(32)}`]) {
      expectError(await client.get(`/v2/${name}/referrers/${digest}`), 400, 'DIGEST_INVALID')
    }
    expectError(await client.get(`/v2/Upper/referrers/${absentDigest()}`), 400, 'NAME_INVALID')
  }),
  check(
    ['end-12a'],
    'an entry has type, size, digest, all annotations and the artifact type',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const target = makeImage().manifest.descriptor
      const annotations = { 'org.example.a': 'ü "quoted" <b>', b: '' }
      const artifact = makeArtifact('application/vnd.example+type', { subject: target, annotations })
      const image = makeImage({ fields: { subject: target, annotations } })
      const index = makeIndex([], { fields: { subject: target, annotations } })
      const typed = makeIndex([], { fields: { subject: target, artifactType: 'application/vnd.typed' } })
      await client.pushImage(name, artifact)
      await client.pushImage(name, image, 'image')
      for (const one of [index, typed]) await client.pushManifest(name, one)
      const entries = readIndex((await listReferrers(client, name, target.digest)).body)
      const entryOf = (content: Content): Descriptor | undefined =>
        entries.find(({ digest }) => digest === content.descriptor.digest)
      expect(entries.length).toBe(4)
      const artifactType = 'application/vnd.example+type'
      expect(entryOf(artifact.manifest)).toMatchObject({
        ...artifact.manifest.descriptor,
        annotations,
        artifactType,
      })
      const fromConfig = MEDIA_TYPES.ociConfig
      expect(entryOf(image.manifest)).toEqual({
        ...image.manifest.descriptor,
        annotations,
        artifactType: fromConfig,
      })
      expect(entryOf(index)).toEqual({ ...index.descriptor, annotations })
      expect(entryOf(typed)).toEqual({ ...typed.descriptor, artifactType: 'application/vnd.typed' })
    },
  ),
  check(
    ['end-12a'],
    'a referrer is listed once, however often and under whatever tags it is pushed',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const target = makeImage().manifest.descriptor
      const artifact = makeArtifact('a/b', { subject: target })
      await client.pushImage(name, artifact)
      for (const tag of ['one', 'two', 'one']) await client.pushManifest(name, artifact.manifest, tag)
      expect(await digestsOf(client, name, target.digest)).toEqual(sorted(artifact.manifest))
    },
  ),
  check(['end-12a', 'attack 39'], 'referrers of one repository do not show in another', async (subject) => {
    const { client } = subject
    const target = makeImage().manifest.descriptor
    await client.pushImage(subject.repository(), makeArtifact('a/b', { subject: target }))
    expect(await digestsOf(client, subject.repository(), target.digest)).toEqual([])
  }),
  check(
    ['end-12a'],
    'a deleted manifest leaves the list, and comes back when pushed again',
    async (subject) => {
      const { client } = subject
      const name = subject.repository()
      const target = makeImage().manifest.descriptor
      const [first, second] = [
        makeArtifact('a/b', { subject: target }),
        makeArtifact('a/b', { subject: target }),
      ]
      await client.pushImage(name, first, 'tagged')
      await client.pushImage(name, second)
      expectStatus(await client.delete(`/v2/${name}/manifests/tagged`), 202)
      expect(await digestsOf(client, name, target.digest)).toEqual(sorted(first.manifest, second.manifest))
      expectStatus(await client.delete(`/v2/${name}/manifests/${first.manifest.descriptor.digest}`), 202)
      expect(await digestsOf(client, name, target.digest)).toEqual(sorted(second.manifest))
      await client.pushManifest(name, first.manifest)
      expect(await digestsOf(client, name, target.digest)).toEqual(sorted(first.manifest, second.manifest))
    },
  ),
  check(['end-12a'], 'the list outlives the subject', async ({ client, repository }) => {
    const name = repository()
    const target = makeImage()
    await client.pushImage(name, target, 'latest')
    const artifact = makeArtifact('a/b', { subject: target.manifest.descriptor })
    await client.pushImage(name, artifact)
    const { digest } = target.manifest.descriptor
    expectStatus(await client.delete(`/v2/${name}/manifests/${digest}`), 202)
    expect(await digestsOf(client, name, digest)).toEqual(sorted(artifact.manifest))
  }),
  check(
    ['end-12b'],
    'a filter leaves what matches and says that it was applied',
    async ({ client, repository }) => {
      const name = repository()
      const target = makeImage().manifest.descriptor
      const type = 'application/vnd.example.sbom.v1+json'
      const [one, two, other] = [
        makeArtifact(type, { subject: target }),
        makeArtifact(type, { subject: target }),
        makeArtifact('application/vnd.other', { subject: target }),
      ]
      const image = makeImage({ fields: { subject: target } })
      for (const each of [one, two, other, image]) await client.pushImage(name, each)
      const filters = {
        [encodeURIComponent(type)]: sorted(one.manifest, two.manifest),
        [encodeURIComponent(MEDIA_TYPES.ociConfig)]: sorted(image.manifest),
        'application/nobody': [],
      }
      for (const [filter, expected] of Object.entries(filters)) {
        const answer = await listReferrers(client, name, target.digest, `?artifactType=${filter}`)
        expectHeader(answer, 'oci-filters-applied', 'artifactType')
        expect(
          readIndex(answer.body)
            .map(({ digest }) => digest)
            .sort(),
        ).toEqual(expected)
      }
      const all = await listReferrers(client, name, target.digest)
      expect(all.header('oci-filters-applied')).toBeUndefined()
      expect(readIndex(all.body).length).toBe(4)
    },
  ),
  check(
    ['end-12a', 'attack 34'],
    'a list over 4 MiB comes in pages that lead to the end',
    async ({ client, repository }) => {
      const name = repository()
      const target = makeImage().manifest.descriptor
      const pushed: Content[] = []
      for (let n = 0; n < 4; n += 1) {
        const annotations = { n: String(n), bulk: 'x'.repeat(1_800_000) }
        const index = makeIndex([], {
          fields: { subject: target, annotations, artifactType: n < 3 ? 'a/b' : 'c/d' },
        })
        await client.pushManifest(name, index)
        pushed.push(index)
      }
      for (const [query, expected] of [
        ['', pushed],
        ['?artifactType=a/b', pushed.slice(0, 3)],
      ] as const) {
        const pages = await followPages(client, `/v2/${name}/referrers/${target.digest}${query}`)
        expect(pages.length).toBeGreaterThan(1)
        for (const page of pages) {
          expectHeader(page, 'content-type', MEDIA_TYPES.ociIndex)
          expect(page.body.length).toBeLessThanOrEqual(4 * 1024 * 1024)
        }
        const listed = pages.flatMap((page) => readIndex(page.body).map(({ digest }) => digest))
        expect(listed.sort()).toEqual(sorted(...expected))
      }
    },
  ),
]
