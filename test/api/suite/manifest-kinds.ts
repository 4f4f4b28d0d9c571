import { expect } from '@jest/globals'

import {
  absentDigest,
  type Content,
  contentOf,
  makeArtifact,
  makeImage,
  makeIndex,
  manifestOf,
  MEDIA_TYPES,
  randomLayer,
} from '../../support/images.js'
import { expectStatus } from '../../support/registry-client.js'
import { check, type Subject } from './check.js'
import { expectError } from './expect-answer.js'

/** Pushes a manifest whose blobs are there, and throws unless it comes back by tag and digest as it is. */
async function expectTaken(subject: Subject, name: string, manifest: Content): Promise<void> {
  const tag = `t${manifest.descriptor.digest.slice(-10)}`
  for (const reference of [tag, manifest.descriptor.digest]) {
    expectStatus(await subject.client.putManifest(name, reference, manifest), 201)
    expect(await subject.client.pullManifest(name, reference)).toEqual(manifest)
  }
}

/** The kinds of manifest that tools really push (end-7). */
export const manifestKindChecks = [
  check(['end-7'], 'OCI and Docker images and lists are taken', async (subject) => {
    const name = subject.repository()
    for (const docker of [false, true]) {
      const image = makeImage({ docker })
      await subject.client.pushImage(name, image)
      await expectTaken(subject, name, image.manifest)
      await expectTaken(subject, name, makeIndex([image.manifest], { docker }))
    }
  }),
  check(['end-7'], 'an index may be empty, nested, or mix kinds', async (subject) => {
    const name = subject.repository()
    const [oci, docker] = [makeImage(), makeImage({ docker: true })]
    await subject.client.pushImage(name, oci)
    await subject.client.pushImage(name, docker)
    const empty = makeIndex([])
    const inner = makeIndex([oci.manifest, docker.manifest])
    for (const index of [empty, inner, makeIndex([inner, empty, oci.manifest])])
      await expectTaken(subject, name, index)
  }),
  check(['end-7'], 'an image may have no layers', async (subject) => {
    const name = subject.repository()
    const image = makeImage({ layers: 0 })
    await subject.client.pushImage(name, image)
    await expectTaken(subject, name, image.manifest)
  }),
  check(['end-7'], 'an OCI manifest may leave out its mediaType', async (subject) => {
    const name = subject.repository()
    const image = makeImage({ fields: { mediaType: undefined } })
    await subject.client.pushImage(name, image)
    await expectTaken(subject, name, image.manifest)
    await expectTaken(subject, name, makeIndex([image.manifest], { fields: { mediaType: undefined } }))
  }),
  check(['end-7'], 'an artifact with the empty config is taken', async (subject) => {
    const name = subject.repository()
    const artifact = makeArtifact('application/vnd.example.sbom.v1+json')
    await subject.client.pushImage(name, artifact)
    await expectTaken(subject, name, artifact.manifest)
  }),
  check(
    ['end-7'],
    'an artifact with a config type of its own and unknown layer types is taken',
    async (subject) => {
      const name = subject.repository()
      const config = contentOf(Buffer.from('{"chart":1}'), 'application/vnd.cncf.helm.config.v1+json')
      const layer = { ...randomLayer(), mediaType: 'application/vnd.unheard.of' }
      for (const blob of [config, layer]) await subject.client.pushBlob(name, blob)
      const manifest = manifestOf({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociManifest,
        config: config.descriptor,
        layers: [{ ...layer.descriptor, mediaType: layer.mediaType }],
      })
      await expectTaken(subject, name, manifest)
    },
  ),
  check(['end-7'], 'unknown fields and annotations are kept', async (subject) => {
    const name = subject.repository()
    const fields = {
      annotations: { a: '<script>' },
      'org.example': { deep: [1, { two: null }] },
      artifactType: 'x/y',
    }
    const image = makeImage({ fields })
    await subject.client.pushImage(name, image)
    await expectTaken(subject, name, image.manifest)
    await expectTaken(subject, name, makeIndex([image.manifest], { fields }))
  }),
  check(
    ['end-7'],
    'a descriptor may carry its data, and the blob is needed all the same',
    async (subject) => {
      const name = subject.repository()
      const config = contentOf(Buffer.from('{"nonce":"data"}'), MEDIA_TYPES.ociConfig)
      const withData = { ...config.descriptor, data: config.bytes.toString('base64') }
      const manifest = manifestOf({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociManifest,
        config: withData,
        layers: [],
      })
      expectError(await subject.client.putManifest(name, 'early', manifest), 400, 'MANIFEST_BLOB_UNKNOWN')
      await subject.client.pushBlob(name, config)
      await expectTaken(subject, name, manifest)
    },
  ),
  check(
    ['end-7', 'attack 33'],
    'layers that may not be distributed need no blob, with any URL or none',
    async (subject) => {
      const types = [
        'application/vnd.oci.image.layer.nondistributable.v1.tar',
        'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
        'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
        'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      ]
      const urls = [
        undefined,
        [],
        ['https://example.com/layer'],
        ['http://127.0.0.1:1/x', 'file:///etc/passwd', 'x y'],
      ]
      const name = subject.repository()
      for (const [n, mediaType] of types.entries()) {
        const foreign = { mediaType, digest: absentDigest(), size: 123, urls: urls[n] }
        const docker = mediaType.includes('docker')
        const image = makeImage({ docker, layers: 0, fields: { layers: [foreign] } })
        await subject.client.pushImage(name, image)
        await expectTaken(subject, name, image.manifest)
      }
    },
  ),
  check(['end-7'], 'one blob may be named twice, and be config and layer at once', async (subject) => {
    const name = subject.repository()
    const descriptor = await subject.client.pushBlob(name, randomLayer())
    const layers = [descriptor, descriptor]
    const config = { ...descriptor, mediaType: MEDIA_TYPES.ociConfig }
    await expectTaken(
      subject,
      name,
      manifestOf({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers }),
    )
  }),
  check(['end-7'], 'a manifest with strange white space keeps it', async (subject) => {
    const name = subject.repository()
    const image = makeImage()
    await subject.client.pushImage(name, image)
    const text = image.manifest.bytes.toString().replaceAll('\n', ' \r\n\t')
    await expectTaken(subject, name, contentOf(Buffer.from(`${text}\n\n`), MEDIA_TYPES.ociManifest))
  }),
  check(
    ['attack 32'],
    'a size that only differs from the blob is taken, as registry:2 takes it',
    async (subject) => {
      const name = subject.repository()
      const blob = randomLayer(100)
      await subject.client.pushBlob(name, blob)
      const image = makeImage({ layers: 0, fields: { layers: [{ ...blob.descriptor, size: 99 }] } })
      await subject.client.pushImage(name, image)
      await expectTaken(subject, name, image.manifest)
    },
  ),
]
