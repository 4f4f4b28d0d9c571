import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Digest, digestOfBytes } from './digest.js'
import { isRegistryError } from './failure.js'
import { findStoredManifest, parseIndexDescriptors, parseManifest } from './manifest.js'
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from './media-type.js'

const A = digestOfBytes('sha256', Buffer.from('a'))
const B = digestOfBytes('sha512', Buffer.from('b'))
const CONFIG = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: A, size: 2 }
const LAYER = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: B, size: 7 }
const IMAGE = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: CONFIG, layers: [LAYER] }

function bytesOf(document: unknown): Buffer {
  return Buffer.from(JSON.stringify(document))
}

/** The sentence of the refusal; fails when there was none. */
function refusal(document: unknown, contentType: string | undefined = OCI_MANIFEST): string {
  try {
    parseManifest(document instanceof Uint8Array ? document : bytesOf(document), contentType)
  } catch (error) {
    if (isRegistryError(error) && error.failure === 'manifest-invalid') return error.message
    throw error
  }
  throw new Error('the manifest was taken')
}

function isRefusedOrTaken(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch (error) {
    return isRegistryError(error)
  }
}

describe('an image manifest', () => {
  test('names its config and its layers', () => {
    const { kind, references } = parseManifest(bytesOf(IMAGE), OCI_MANIFEST)
    expect(kind).toBe('image')
    expect(references.map(({ digest, kind: what }) => [digest, what])).toEqual([
      [A, 'blob'],
      [B, 'blob'],
    ])
  })

  test('may have no layers, unknown fields, and a Content-Type with parameters', () => {
    const document = { ...IMAGE, layers: [], 'org.example': { deep: [1, { x: A }] } }
    expect(parseManifest(bytesOf(document), `${OCI_MANIFEST}; charset=utf-8`).references).toHaveLength(1)
  })

  test('does not need the bytes of foreign layers', () => {
    const layers = [
      { ...LAYER, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' },
      { ...LAYER, digest: A, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' },
    ]
    const { references } = parseManifest(bytesOf({ ...IMAGE, layers }), OCI_MANIFEST)
    expect(references.slice(1).every(({ optional }) => optional)).toBe(true)
  })

  test('takes its artifact type from its config when it has none of its own', () => {
    expect(parseManifest(bytesOf(IMAGE), OCI_MANIFEST).artifactType).toBe(CONFIG.mediaType)
    const own = { ...IMAGE, artifactType: 'application/x' }
    expect(parseManifest(bytesOf(own), OCI_MANIFEST).artifactType).toBe('application/x')
    expect(parseManifest(bytesOf({ ...IMAGE, artifactType: '' }), OCI_MANIFEST).artifactType).toBe(
      CONFIG.mediaType,
    )
  })

  test('mentions every digest in it, wherever it stands', () => {
    const document = { ...IMAGE, annotations: { base: `see ${B}!` }, extra: [{ digest: A }] }
    expect([...parseManifest(bytesOf(document), OCI_MANIFEST).mentioned].sort()).toEqual([A, B].sort())
  })
})

describe('an index', () => {
  test('names manifests and has no artifact type unless it says one', () => {
    const index = {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [{ ...CONFIG, mediaType: OCI_MANIFEST }],
    }
    const { kind, references, artifactType } = parseManifest(bytesOf(index), OCI_INDEX)
    expect([kind, references[0]?.kind, artifactType]).toEqual(['index', 'manifest', undefined])
  })

  test('may be empty', () => {
    for (const mediaType of [OCI_INDEX, DOCKER_LIST])
      expect(
        parseManifest(bytesOf({ schemaVersion: 2, mediaType, manifests: [] }), mediaType).references,
      ).toEqual([])
  })
})

describe('what is refused', () => {
  test.each([
    ['nothing', Buffer.alloc(0), 'not JSON'],
    ['a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytesOf(IMAGE)]), 'not JSON'],
    ['bad UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'UTF-8'],
    ['trailing garbage', Buffer.from(`${JSON.stringify(IMAGE)}x`), 'not JSON'],
    ['a list', [], 'not a JSON object'],
    ['another schema version', { ...IMAGE, schemaVersion: 3 }, 'schemaVersion'],
    ['schema 1', { schemaVersion: 1, name: 'a' }, 'schema 1'],
    ['manifests beside layers', { ...IMAGE, manifests: [] }, 'CVE-2021-41190'],
    ['another media type than the Content-Type', { ...IMAGE, mediaType: OCI_INDEX }, 'Content-Type is'],
    ['a media type that is no text', { ...IMAGE, mediaType: 7 }, 'not a text'],
    ['no config', { ...IMAGE, config: undefined }, 'config is not a descriptor'],
    ['a negative size', { ...IMAGE, layers: [{ ...LAYER, size: -1 }] }, 'layers[0].size'],
    ['a size of 2^63', { ...IMAGE, layers: [{ ...LAYER, size: 2 ** 63 }] }, 'layers[0].size'],
    ['a digest of another algorithm', { ...IMAGE, config: { ...CONFIG, digest: 'md5:00' } }, 'config.digest'],
    ['an annotation that is no text', { ...IMAGE, annotations: { a: 1 } }, 'annotations'],
    ['a subject that is no descriptor', { ...IMAGE, subject: A }, 'subject'],
  ])('%s', (_what, document, why) => {
    expect(refusal(document)).toContain(why)
  })

  test('a missing or unknown Content-Type, in words', () => {
    expect(refusal({ ...IMAGE, mediaType: undefined }, '')).toContain('no Content-Type')
    expect(refusal({ ...IMAGE, mediaType: undefined }, 'text/html')).toContain('text/html is not')
  })

  test('100,000 levels and a million descriptors, in a moment', () => {
    const deep = Buffer.from(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)
    expect(refusal(deep)).toContain('nested')
    expect(
      refusal(
        Buffer.from(
          `{"schemaVersion":2,"layers":[${'{},'.repeat(1_000_000)}{}],"config":${JSON.stringify(CONFIG)}}`,
        ),
      ),
    ).toContain('more than')
  })

  test('brackets in texts are not depth', () => {
    const document = { ...IMAGE, annotations: { note: '[{'.repeat(1000) } }
    expect(parseManifest(bytesOf(document), OCI_MANIFEST).annotations).toEqual(document.annotations)
  })

  test('nothing that is parsed throws anything but a refusal', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom(OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, ''),
        (json, type) => {
          expect(isRefusedOrTaken(() => parseManifest(bytesOf(json), type))).toBe(true)
        },
      ),
    )
  })
})

describe('what a store holds', () => {
  test('is known by its shape when it does not say its media type', () => {
    expect(findStoredManifest(bytesOf({ ...IMAGE, mediaType: undefined }))?.mediaType).toBe(OCI_MANIFEST)
    expect(findStoredManifest(bytesOf({ schemaVersion: 2, manifests: [] }))?.mediaType).toBe(OCI_INDEX)
  })

  test('a list of referrers is read leniently: what is no descriptor is left out', () => {
    const good = { mediaType: OCI_MANIFEST, digest: A, size: 5, artifactType: 'x', annotations: { a: 'b' } }
    const list = { schemaVersion: 2, manifests: [good, { digest: 'nonsense' }, 7, null] }
    expect(parseIndexDescriptors(bytesOf(list))).toEqual([good as { digest: Digest }])
    expect(parseIndexDescriptors(Buffer.from('nonsense'))).toEqual([])
  })
})
