import { beforeEach, describe, expect, test } from '@jest/globals'

import { type Digest, digestOfBytes } from '#core/oci/digest.js'
import { isRegistryError } from '#core/oci/failure.js'
import { OCI_MANIFEST } from '#core/oci/media-type.js'
import { parseReference, parseTag } from '#core/oci/reference.js'
import { parseRepositoryName, type RepositoryName } from '#core/oci/repository.js'
import type { ManifestRequest, Source } from '#core/registry/source.js'
import type { Content } from '#core/store/store.js'
import { seededBytes } from './seeded-chance.js'
import type { OpenedProcess } from './simulated-store.js'

export const APP = parseRepositoryName('team/app')
const OTHER = parseRepositoryName('team/other')
const NOWHERE = parseRepositoryName('team/nowhere')
const [SBOM, SIGNATURE] = ['application/vnd.example.sbom', 'application/vnd.example.signature']
export const CONFIG = Buffer.from('{}')
/** Longer than what a mirror holds back until it has the digest. */
export const LAYER = seededBytes(7, 200 * 1024)
const OTHER_LAYER = seededBytes(8, 1000)

const ACTOR = { requestId: '', remoteAddress: '', method: 'PUT', userAgent: '', account: '', origin: '' }
const PAGE = { limit: undefined, last: undefined }
const ALL = { artifactType: undefined, last: undefined, limit: undefined }
const NEVER = new AbortController().signal
const signal = (): AbortSignal => NEVER
export const REQUEST: ManifestRequest = { countsAsPull: false, signal }

const IMAGE = image(LAYER)
const OTHER_IMAGE = image(OTHER_LAYER)
export const REFERRERS = [referrer(SBOM, 'one'), referrer(SBOM, 'two'), referrer(SIGNATURE, 'three')]

export interface SourceUnderTest {
  /** The source of a repository that `fill` has filled, or that is nowhere. */
  source(repository: RepositoryName): Source
  /** Where what it has stored is read. */
  readonly content: Pick<Content, 'read'>
  /** The word of `X-Entrepot-Origin`. */
  readonly origin: string
}

/** Two images in two repositories, and what refers to the first. */
export async function fill({ store, registry }: OpenedProcess): Promise<void> {
  for (const [repository, layer] of [
    [APP, LAYER],
    [OTHER, OTHER_LAYER],
  ] as const)
    for (const bytes of [CONFIG, layer]) {
      await store.content.commitBytes(digestOf(bytes), bytes)
      await store.links.publishLayer(repository, digestOf(bytes), digestOf(bytes))
    }
  const put = async (
    repository: RepositoryName,
    bytes: Buffer,
    ...tags: readonly string[]
  ): Promise<void> => {
    const reference = { kind: 'digest', digest: digestOf(bytes) } as const
    const manifest = { bytes, contentType: OCI_MANIFEST, reference, tags: tags.map(parseTag), actor: ACTOR }
    await registry.repository(repository).putManifest(manifest)
  }
  await put(APP, IMAGE, 'v1', 'v10', 'v2')
  await put(OTHER, OTHER_IMAGE, 'only')
  for (const bytes of REFERRERS) await put(APP, bytes)
}

/** What every source does, whether its content lies here or is fetched (registry/source.ts). */
export function sourceContract(name: string, open: () => Promise<SourceUnderTest>): void {
  describe(`a source ${name}`, () => {
    let opened: SourceUnderTest
    let app: Source

    beforeEach(async () => {
      opened = await open()
      app = opened.source(APP)
    })

    test('answers a manifest by tag and by digest with the bytes that were pushed', async () => {
      for (const reference of ['v1', 'v2', digestOf(IMAGE)]) {
        const found = await app.manifest(parseReference(reference), REQUEST)
        expect(found?.value).toMatchObject({ digest: digestOf(IMAGE), mediaType: OCI_MANIFEST })
        expect(found?.value.bytes.equals(IMAGE)).toBe(true)
        expect(found?.served.origin).toBe(opened.origin)
      }
    })

    test('has no manifest of another repository, of another tag, or of none', async () => {
      for (const reference of ['only', digestOf(OTHER_IMAGE)])
        expect(await isMissing(app.manifest(parseReference(reference), REQUEST))).toBe(true)
      const nowhere = opened.source(NOWHERE)
      expect(await isMissing(nowhere.manifest(parseReference('v1'), REQUEST))).toBe(true)
    })

    test('answers a blob, from its beginning and from its middle', async () => {
      expect((await bytesOf(opened, app, digestOf(LAYER), 0)).equals(LAYER)).toBe(true)
      expect((await bytesOf(opened, app, digestOf(LAYER), 150_000)).equals(LAYER.subarray(150_000))).toBe(
        true,
      )
      expect((await bytesOf(opened, app, digestOf(CONFIG), 0)).equals(CONFIG)).toBe(true)
    })

    test('says how long a blob is to those who want no bytes', async () => {
      const found = await app.blob(digestOf(LAYER), { promise: false, wantsBytes: false, signal })
      expect(found?.value.content).toMatchObject({ digest: digestOf(LAYER), sizeBytes: LAYER.length })
    })

    test('has no blob of another repository, for nobody', async () => {
      for (const wantsBytes of [true, false]) {
        const request = { promise: false, wantsBytes, signal }
        expect(await isMissing(app.blob(digestOf(OTHER_LAYER), request))).toBe(true)
      }
    })

    test('lists its tags in the order of their bytes, page by page', async () => {
      expect((await app.tags(PAGE, signal))?.value).toEqual({ tags: ['v1', 'v10', 'v2'], more: false })
      const first = await app.tags({ limit: 2, last: undefined }, signal)
      expect(first?.value).toEqual({ tags: ['v1', 'v10'], more: true })
      const second = await app.tags({ limit: 2, last: 'v10' }, signal)
      expect(second?.value).toEqual({ tags: ['v2'], more: false })
      expect(await isMissing(opened.source(NOWHERE).tags(PAGE, signal))).toBe(true)
    })

    test('lists what refers to a manifest, all of it and by type', async () => {
      expect(await referrersOf(app, undefined)).toEqual(REFERRERS.map(digestOf).toSorted())
      expect(await referrersOf(app, SIGNATURE)).toEqual(REFERRERS.slice(2).map(digestOf))
    })

    test('has an empty list of what refers to nothing', async () => {
      const found = await app.referrers(digestOf(OTHER_IMAGE), ALL, signal)
      expect(found.value).toEqual({ manifests: [], next: undefined })
    })
  })
}

/** A blob's bytes from there on, as they come or as they are read from where it is stored. */
export async function bytesOf(
  { content }: Pick<SourceUnderTest, 'content'>,
  source: Source,
  digest: Digest,
  first: number,
): Promise<Buffer> {
  const found = await source.blob(digest, { promise: false, wantsBytes: true, signal })
  if (found === undefined || found.value.kind === 'described') throw new Error(`no bytes of ${digest}`)
  const { value } = found
  const pieces =
    value.kind === 'stored'
      ? content.read(value.content, first, value.content.sizeBytes - 1, NEVER)
      : value.content.read(first, undefined, NEVER)
  return Buffer.concat(await Array.fromAsync(pieces))
}

/** Page by page, one entry each. */
async function referrersOf(source: Source, artifactType: string | undefined): Promise<readonly Digest[]> {
  const digests: Digest[] = []
  let last: string | undefined
  do {
    const { value } = await source.referrers(digestOf(IMAGE), { artifactType, last, limit: 1 }, signal)
    digests.push(...value.manifests.map(({ digest }) => digest))
    last = value.next
  } while (last !== undefined && digests.length < 2 * REFERRERS.length)
  return digests.toSorted()
}

/** Undefined, or refused with the specification's word for what is not there. */
async function isMissing(asked: Promise<unknown>): Promise<boolean> {
  try {
    return (await asked) === undefined
  } catch (error) {
    return isRegistryError(error) && error.failure.endsWith('-unknown')
  }
}

export function digestOf(bytes: Buffer): Digest {
  return digestOfBytes('sha256', bytes)
}

function described(bytes: Buffer, mediaType: string): object {
  return { mediaType, digest: digestOf(bytes), size: bytes.length }
}

function image(layer: Buffer): Buffer {
  return manifest({
    config: described(CONFIG, 'application/vnd.oci.image.config.v1+json'),
    layers: [described(layer, 'application/vnd.oci.image.layer.v1.tar')],
  })
}

function referrer(artifactType: string, title: string): Buffer {
  return manifest({
    artifactType,
    config: described(CONFIG, 'application/vnd.oci.empty.v1+json'),
    layers: [],
    subject: described(IMAGE, OCI_MANIFEST),
    annotations: { title },
  })
}

function manifest(fields: object): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, ...fields }))
}
