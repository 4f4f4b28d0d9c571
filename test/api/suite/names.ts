import { expect } from '@jest/globals'

import { absentDigest, makeImage, randomLayer } from '../../support/images.js'
import { EVERY_MANIFEST_TYPE, expectStatus } from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError } from './expect-answer.js'
import { readTags } from './read.js'

const BAD_NAMES = [
  'Upper/case',
  'a..b',
  'a/.b',
  '-leading',
  'trailing-',
  'a/-b',
  'a___b',
  'a._b',
  'a-_b',
  'ab/C',
  `${'a/'.repeat(127)}aa`,
  'a'.repeat(256),
]

const GOOD_NAMES = [
  'short',
  'a/b/c/d/e/f',
  'with.dot',
  'with_one/with__two',
  'many---dashes/x',
  '0digits9/1.2.3',
  'n'.repeat(200),
  'library/blobs',
  'library/tags',
]

const BAD_DIGESTS = [
  'sha256:0',
  `sha256:${'0'.repeat(63)}`,
  `sha256:${'0'.repeat(65)}`,
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'g'.repeat(64)}`,
  `SHA256:${'0'.repeat(64)}`,
  `sha512:${'0'.repeat(64)}`,
  `md5:${'0'.repeat(32)}`,
  `sha384:${'0'.repeat(96)}`,
  'sha256:',
]

/** The two grammars of the specification, and the digests. */
export const nameChecks = [
  check(
    ['names', 'attack 6'],
    'a name outside of the grammar is 400 NAME_INVALID on each method',
    async ({ client }) => {
      for (const name of BAD_NAMES) {
        expectError(await client.post(`/v2/${name}/blobs/uploads/`), 400, 'NAME_INVALID')
        expectError(await client.get(`/v2/${name}/tags/list`), 400, 'NAME_INVALID')
        expectError(await client.get(`/v2/${name}/manifests/latest`), 400, 'NAME_INVALID')
        expectError(await client.head(`/v2/${name}/blobs/${absentDigest()}`), 400)
      }
    },
  ),
  check(
    ['names', 'attack 7'],
    'a part that begins with an underscore is 400 NAME_INVALID',
    async ({ client }) => {
      for (const name of [
        '_uploads',
        'a/_uploads',
        'a/_manifests',
        '_layers/a',
        'a/_layers/b',
        'a/_referrers',
      ]) {
        expectError(await client.post(`/v2/${name}/blobs/uploads/`), 400, 'NAME_INVALID')
        expectError(await client.get(`/v2/${name}/manifests/x`), 400, 'NAME_INVALID')
      }
    },
  ),
  check(['names'], 'every name of the grammar can be pushed and pulled', async ({ client }) => {
    for (const name of GOOD_NAMES) {
      const image = makeImage({ layers: 1 })
      await client.pushImage(name, image, 'latest')
      expect(await client.pullManifest(name, 'latest')).toEqual(image.manifest)
    }
  }),
  check(
    ['names', 'attack 8'],
    'a repository whose name holds words of the paths is itself and never another',
    async ({ client, repository }) => {
      const outer = repository()
      const image = makeImage({ layers: 1 })
      const layer = randomLayer()
      await client.pushImage(outer, image, 'b')
      await client.pushBlob(outer, layer)
      for (const inner of [
        `${outer}/manifests/b`,
        `${outer}/blobs/uploads`,
        `${outer}/tags/list`,
        `${outer}/referrers`,
      ]) {
        expectError(await client.get(`/v2/${inner}/tags/list`), 404, 'NAME_UNKNOWN')
        expectError(await client.get(`/v2/${inner}/manifests/b`), 404, 'NAME_UNKNOWN', 'MANIFEST_UNKNOWN')
        expectError(
          await client.get(`/v2/${inner}/blobs/${layer.descriptor.digest}`),
          404,
          'BLOB_UNKNOWN',
          'NAME_UNKNOWN',
        )
        const own = makeImage({ layers: 1 })
        await client.pushImage(inner, own, 'b')
        expect(await client.pullManifest(inner, 'b')).toEqual(own.manifest)
      }
      expect(await client.pullManifest(outer, 'b')).toEqual(image.manifest)
    },
  ),
  check(['names'], 'tags of 1 to 128 characters of the grammar are taken', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage({ layers: 1 })
    const tags = [
      'a',
      'A',
      '_',
      '0',
      'v1.0',
      'UPPER-case_and.more',
      'list',
      'uploads',
      't'.repeat(128),
      '1--__..',
    ]
    for (const tag of tags) await client.pushImage(name, image, tag)
    for (const tag of tags) expect(await client.pullManifest(name, tag)).toEqual(image.manifest)
  }),
  check(
    ['names', 'attack 9'],
    'a tag outside of the grammar is 400 on PUT and 404 on GET',
    async ({ client, repository }) => {
      const name = repository()
      const image = makeImage({ layers: 1 })
      await client.pushImage(name, image, 'good')
      for (const tag of ['t'.repeat(129), '.dot', '-dash']) {
        expectError(await client.putManifest(name, tag, image.manifest), 400, 'MANIFEST_INVALID')
        expectError(await client.get(`/v2/${name}/manifests/${tag}`), 404, 'MANIFEST_UNKNOWN')
      }
      for (const tag of ['with~tilde', 'plus+', 'star*']) {
        expectError(await client.putManifest(name, tag, image.manifest), 400)
        expectError(await client.get(`/v2/${name}/manifests/${tag}`), [400, 404])
      }
      for (const tag of ['../x', '..', 'a/b', '%2e%2e']) {
        expectError(await client.putManifest(name, tag, image.manifest), [400, 404, 405])
      }
      expect(readTags(expectStatus(await client.get(`/v2/${name}/tags/list`), 200))).toEqual(['good'])
    },
  ),
  check(
    ['names', 'attack 10'],
    'a malformed digest of a blob is 400 DIGEST_INVALID',
    async ({ client, repository }) => {
      const name = repository()
      await client.pushImage(name, makeImage({ layers: 1 }), 'latest')
      for (const digest of BAD_DIGESTS) {
        expectError(await client.get(`/v2/${name}/blobs/${digest}`), 400, 'DIGEST_INVALID')
        expectError(await client.head(`/v2/${name}/blobs/${digest}`), 400)
        expectError(await client.delete(`/v2/${name}/blobs/${digest}`), 400, 'DIGEST_INVALID')
      }
    },
  ),
  check(
    ['names', 'attack 10', 'end-3', 'end-7'],
    'a malformed digest of a manifest is 400 on PUT, 400 or 404 on GET and HEAD',
    async ({ client, repository }) => {
      const name = repository()
      const image = makeImage({ layers: 1 })
      await client.pushImage(name, image, 'latest')
      for (const digest of BAD_DIGESTS) {
        expectError(
          await client.putManifest(name, digest, image.manifest),
          400,
          'DIGEST_INVALID',
          'MANIFEST_INVALID',
        )
        expectError(await client.get(`/v2/${name}/manifests/${digest}`), [400, 404])
        expectError(await client.head(`/v2/${name}/manifests/${digest}`), [400, 404])
        expectError(await client.delete(`/v2/${name}/manifests/${digest}`), [400, 404])
      }
    },
  ),
  check(['names', 'attack 10'], 'a malformed digest closes no upload', async ({ client, repository }) => {
    const name = repository()
    for (const digest of [...BAD_DIGESTS, '', '../../x', 'sha256:../../x']) {
      const location = await client.startUpload(name)
      const mark = location.includes('?') ? '&' : '?'
      const query = `${mark}digest=${encodeURIComponent(digest)}`
      expectError(await client.put(`${location}${query}`, 'bytes'), 400, 'DIGEST_INVALID')
    }
  }),
  check(
    ['names', 'attack 1'],
    'the colon of a digest may be written %3A, in path and query',
    async ({ client, repository }) => {
      const name = repository()
      const image = makeImage({ layers: 1 })
      const manifest = await client.pushImage(name, image, 'latest')
      const layer = randomLayer()
      const escaped = layer.descriptor.digest.replace(':', '%3A')
      const location = await client.startUpload(name)
      const mark = location.includes('?') ? '&' : '?'
      expectStatus(await client.put(`${location}${mark}digest=${escaped}`, layer.bytes), 201)
      expect(expectStatus(await client.get(`/v2/${name}/blobs/${escaped}`), 200).body).toEqual(layer.bytes)
      const byDigest = `/v2/${name}/manifests/${manifest.digest.replace(':', '%3A')}`
      expect(expectStatus(await client.get(byDigest, { accept: EVERY_MANIFEST_TYPE }), 200).body).toEqual(
        image.manifest.bytes,
      )
    },
  ),
  check(['ns'], 'a namespace that nobody configured is 404 NAME_UNKNOWN', async ({ client, repository }) => {
    const name = repository()
    await client.pushImage(name, makeImage({ layers: 1 }), 'latest')
    for (const namespace of ['unknown.example', '127.0.0.1', 'localhost', '..', 'docker.io.evil.example']) {
      expectError(await client.get(`/v2/${name}/manifests/latest?ns=${namespace}`), 404, 'NAME_UNKNOWN')
      expectError(await client.get(`/v2/${name}/tags/list?ns=${namespace}`), 404, 'NAME_UNKNOWN')
    }
  }),
]
