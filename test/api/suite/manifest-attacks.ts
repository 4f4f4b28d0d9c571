import { once } from 'node:events'
import { createServer } from 'node:http'

import { expect } from '@jest/globals'

import {
  absentDigest,
  type Content,
  contentOf,
  type Image,
  makeImage,
  makeIndex,
  manifestOf,
  MEDIA_TYPES,
  randomLayer,
} from '../../support/images.js'
import { EVERY_MANIFEST_TYPE, expectStatus } from '../../support/registry-client.js'
import { check, type Subject } from './check.js'
import { expectError } from './expect-answer.js'

const ACCEPT = { accept: EVERY_MANIFEST_TYPE }

async function pushedImage({ client }: Subject, name: string): Promise<Image> {
  const image = makeImage({ layers: 1 })
  await client.pushImage(name, image)
  return image
}

/** The fields of an image manifest, to bend. */
function fieldsOf({ blobs: [config, layer] }: Image): Record<string, unknown> {
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: config?.descriptor,
    layers: [layer?.descriptor],
  }
}

/** Throws unless the bytes are refused and leave no tag, or are kept exactly as they came. */
async function expectRefusedOrKept({ client }: Subject, name: string, manifest: Content): Promise<void> {
  const answer = await client.putManifest(name, 'strange', manifest)
  if (answer.status === 201) {
    expect(await client.pullManifest(name, 'strange')).toEqual(manifest)
    expectStatus(await client.delete(`/v2/${name}/manifests/${manifest.descriptor.digest}`), 202)
    return
  }
  expectError(answer, 400, 'MANIFEST_INVALID')
  expectError(await client.get(`/v2/${name}/manifests/strange`, ACCEPT), 404)
}

/** Manifests made to hurt. */
export const manifestAttackChecks = [
  check(['attack 27'], 'JSON a hundred thousand deep is refused at once', async (subject) => {
    const { client, cpuTimeMs } = subject
    const name = subject.repository()
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const deep = `${open.repeat(100_000)}1${close.repeat(100_000)}`
      for (const text of [
        deep,
        `{"schemaVersion":2,"mediaType":"${MEDIA_TYPES.ociManifest}","layers":${deep}}`,
      ]) {
        const before = cpuTimeMs()
        const manifest = contentOf(Buffer.from(text), MEDIA_TYPES.ociManifest)
        expectError(await client.putManifest(name, 'deep', manifest), 400, 'MANIFEST_INVALID')
        expect(cpuTimeMs() - before).toBeLessThan(300)
      }
    }
  }),
  check(
    ['attack 28'],
    'a manifest that is image and index at once is 400 MANIFEST_INVALID',
    async (subject) => {
      const name = subject.repository()
      const image = await pushedImage(subject, name)
      const { config, layers } = fieldsOf(image)
      const manifests = [image.manifest.descriptor]
      const both = [
        manifestOf({ ...fieldsOf(image), manifests }),
        manifestOf({ ...fieldsOf(image), manifests: [] }),
        manifestOf(
          { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests, layers },
          MEDIA_TYPES.ociIndex,
        ),
        manifestOf(
          { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests, config },
          MEDIA_TYPES.ociIndex,
        ),
        manifestOf({ schemaVersion: 2, manifests, config, layers }, MEDIA_TYPES.dockerManifest),
        manifestOf({ schemaVersion: 2, manifests, layers }, MEDIA_TYPES.dockerList),
      ]
      for (const manifest of both) {
        expectError(await subject.client.putManifest(name, 'both', manifest), 400, 'MANIFEST_INVALID')
      }
    },
  ),
  check(['end-7'], 'what is no manifest is 400 MANIFEST_INVALID', async ({ client, repository }) => {
    const name = repository()
    const texts = [
      '',
      ' ',
      '{',
      '[]',
      'null',
      '1',
      '"x"',
      '{}',
      '{"schemaVersion":1}',
      '{"schemaVersion":"2"}',
    ]
    for (const text of texts) {
      for (const type of [MEDIA_TYPES.ociManifest, MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerManifest]) {
        const answer = await client.putManifest(name, 'no', contentOf(Buffer.from(text), type))
        expectError(answer, 400, 'MANIFEST_INVALID')
      }
    }
  }),
  check(['end-7'], 'fields of the wrong kind are 400 MANIFEST_INVALID', async (subject) => {
    const name = subject.repository()
    const image = await pushedImage(subject, name)
    const fields = fieldsOf(image)
    const [, layer] = image.blobs
    const bent = [
      { ...fields, schemaVersion: 1 },
      { ...fields, schemaVersion: '2' },
      { ...fields, layers: {} },
      { ...fields, layers: ['x'] },
      { ...fields, layers: [null] },
      { ...fields, config: undefined },
      { ...fields, config: [] },
      { ...fields, layers: [{ ...layer?.descriptor, digest: 'sha256:x' }] },
      { ...fields, layers: [{ ...layer?.descriptor, digest: '../../etc/passwd' }] },
      { ...fields, layers: [{ ...layer?.descriptor, digest: undefined }] },
      { ...fields, layers: [{ ...layer?.descriptor, mediaType: 7 }] },
      { ...fields, subject: 'sha256:x' },
      { ...fields, subject: { digest: 'sha256:x', size: 1, mediaType: 'a/b' } },
    ]
    for (const value of bent) {
      const answer = await subject.client.putManifest(name, 'bent', manifestOf(value))
      expectError(answer, 400, 'MANIFEST_INVALID', 'DIGEST_INVALID', 'SIZE_INVALID')
    }
  }),
  check(['attack 30'], 'odd JSON is refused or kept to the byte', async (subject) => {
    const name = subject.repository()
    const image = await pushedImage(subject, name)
    const text = image.manifest.bytes.toString()
    const inner = text.slice(1)
    const odd = [
      `{"schemaVersion": 2, "layers": [], ${inner}`,
      `{"__proto__": {"layers": []}, ${inner}`,
      `{"constructor": {"prototype": {"x": 1}}, ${inner}`,
      `\uFEFF${text}`,
      `${text}garbage`,
      `${text}{}`,
      `${text}\0`,
      text.replace('"schemaVersion": 2', '"schemaVersion": 2.0'),
      text.replace('"schemaVersion"', '"schema\\u0056ersion"'),
      `/* comment */ ${text}`,
    ]
    for (const one of odd)
      await expectRefusedOrKept(subject, name, contentOf(Buffer.from(one), MEDIA_TYPES.ociManifest))
    const badUtf8 = Buffer.concat([
      Buffer.from('{"x": "'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(`", ${inner}`),
    ])
    await expectRefusedOrKept(subject, name, contentOf(badUtf8, MEDIA_TYPES.ociManifest))
  }),
  check(['attack 31'], 'indexes may be nested four deep, not six', async ({ client, repository }) => {
    const name = repository()
    const image = makeImage({ layers: 1 })
    await client.pushImage(name, image)
    let child = image.manifest
    const statuses: number[] = []
    for (let depth = 1; depth <= 6 && !statuses.includes(400); depth += 1) {
      child = makeIndex([child])
      statuses.push((await client.putManifest(name, child.descriptor.digest, child)).status)
    }
    expect(statuses.slice(0, 4)).toEqual([201, 201, 201, 201])
    expect(statuses.at(-1)).toBe(400)
  }),
  check(['attack 32'], 'a size that is no size is 400', async (subject) => {
    const name = subject.repository()
    const image = await pushedImage(subject, name)
    const [, layer] = image.blobs
    for (const size of [
      '-1',
      '9223372036854775808',
      '1e400',
      '1.5',
      '"1024"',
      'null',
      '-9223372036854775809',
    ]) {
      const bent = manifestOf({ ...fieldsOf(image), layers: [{ ...layer?.descriptor, size: 'SIZE' }] })
      const text = bent.bytes.toString().replace('"SIZE"', size)
      const answer = await subject.client.putManifest(
        name,
        'size',
        contentOf(Buffer.from(text), MEDIA_TYPES.ociManifest),
      )
      expectError(answer, 400, 'SIZE_INVALID', 'MANIFEST_INVALID')
    }
  }),
  check(['attack 33'], 'the URLs of a foreign layer are never fetched', async ({ client, repository }) => {
    const name = repository()
    let asked = 0
    const server = createServer((_, response) => {
      asked += 1
      response.end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const layer = {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: absentDigest(),
      size: 10,
      urls: [`http://127.0.0.1:${port}/layer`],
    }
    const image = makeImage({ docker: true, layers: 0, fields: { layers: [layer] } })
    await client.pushImage(name, image, 'foreign')
    await client.pullManifest(name, 'foreign')
    expectError(await client.get(`/v2/${name}/blobs/${layer.digest}`), 404, 'BLOB_UNKNOWN')
    server.close()
    expect(asked).toBe(0)
  }),
  check(['attack 38'], 'schema 1 is refused with a sentence', async ({ client, repository }) => {
    const name = repository()
    const layer = randomLayer()
    await client.pushBlob(name, layer)
    const { digest } = layer.descriptor
    const schema1 = {
      schemaVersion: 1,
      name,
      tag: 'old',
      architecture: 'amd64',
      fsLayers: [{ blobSum: digest }],
      history: [{ v1Compatibility: '{"id":"x"}' }],
    }
    for (const type of ['v1+json', 'v1+prettyjws']) {
      const manifest = manifestOf(schema1, `application/vnd.docker.distribution.manifest.${type}`)
      const answer = await client.putManifest(name, 'old', manifest)
      expectError(answer, 400, 'MANIFEST_INVALID')
      expect(answer.body.toString()).toMatch(/schema ?(version )?1/i)
    }
  }),
]
