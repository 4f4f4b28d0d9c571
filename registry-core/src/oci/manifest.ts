import { type Digest, digestsIn, findDigest } from './digest.js'
import { isRegistryError, RegistryError } from './failure.js'
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
  findManifestKind,
  isSchema1,
  type ManifestKind,
  mayBeAbsent,
  withoutParameters,
} from './media-type.js'

/** A manifest may have 4 MiB (distribution-spec: at least 4 megabytes must work). */
export const MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024

/** JSON nested deeper than this is no manifest (attack row 27). */
const MAX_DEPTH = 64
/** More descriptors than this in one manifest are refused before they are looked at. */
const MAX_DESCRIPTORS = 20_000

/** As a referrers list and an index write it (OCI image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** What must be here for a manifest to be whole. */
export interface Reference {
  readonly digest: Digest
  readonly sizeBytes: number
  /** A manifest below an index, or a blob. */
  readonly kind: 'manifest' | 'blob'
  /** Its bytes need not be held by a registry (foreign layers). */
  readonly optional: boolean
}

/** A manifest's meaning; its bytes are kept beside it and never written again. */
export interface Manifest {
  readonly mediaType: string
  /** Of its source, in characters: about what its meaning takes in memory. */
  readonly sizeChars: number
  readonly kind: ManifestKind
  readonly references: readonly Reference[]
  readonly subject: Digest | undefined
  /** Where its layers may be had besides, as it says. */
  readonly urls: readonly string[]
  /** The manifest's own, else an image's config media type (distribution-spec, "Listing Referrers"). */
  readonly artifactType: string | undefined
  readonly annotations: Readonly<Record<string, string>> | undefined
  /** Every digest-shaped text in it: what a collector keeps for its sake. */
  readonly mentioned: ReadonlySet<Digest>
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type JsonObject = { readonly [key: string]: Json }

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses what a client pushed. The media type is the Content-Type, which must agree with the document's own.
 * @throws RegistryError `manifest-invalid`
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const { source, document } = parseDocument(bytes)
  return toManifest(source, document, agreedMediaType(document, withoutParameters(contentType)))
}

/**
 * What a store holds, or an upstream gave, whose media type only the document itself says: what it leaves out is taken
 * from its shape, as registry:2 does. Undefined for what is no manifest that we understand (registry:2 kept schema 1).
 */
export function findStoredManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    const { source, document } = parseDocument(bytes)
    return toManifest(source, document, text(document, 'mediaType') ?? typeFromShape(document))
  } catch (error) {
    if (isRegistryError(error)) return undefined
    throw error
  }
}

/**
 * The descriptors of an index (a fallback list of referrers), or the one of an entry of ours; what is none is left out.
 */
export function parseIndexDescriptors(bytes: Uint8Array): readonly Descriptor[] {
  let json: Json
  try {
    json = JSON.parse(UTF8.decode(bytes)) as Json
  } catch {
    return []
  }
  if (!isObject(json)) return []
  const children = Array.isArray(json['manifests']) ? (json['manifests'] as readonly Json[]) : [json]
  return children.flatMap((child) => {
    const digest = isObject(child) ? findDigest(text(child, 'digest') ?? '') : undefined
    return isObject(child) && digest !== undefined ? [looseDescriptor(child, digest)] : []
  })
}

function looseDescriptor(json: JsonObject, digest: Digest): Descriptor {
  const artifactType = text(json, 'artifactType')
  const notes = json['annotations']
  return {
    mediaType: text(json, 'mediaType') ?? '',
    digest,
    size: typeof json['size'] === 'number' ? json['size'] : 0,
    ...(artifactType !== undefined && { artifactType }),
    ...(isObject(notes) && { annotations: annotations(notes) ?? {} }),
  }
}

function typeFromShape(document: JsonObject): string {
  return 'manifests' in document ? OCI_INDEX : OCI_MANIFEST
}

function parseDocument(bytes: Uint8Array): { source: string; document: JsonObject } {
  let source: string
  let document: Json
  try {
    source = UTF8.decode(bytes)
  } catch (cause) {
    throw invalid('it is not UTF-8', cause)
  }
  checkDepth(source)
  try {
    document = JSON.parse(source) as Json
  } catch (cause) {
    throw invalid('it is not JSON', cause)
  }
  if (!isObject(document)) throw invalid('it is not a JSON object')
  return { source, document }
}

/** Brackets inside strings count too: no honest manifest comes near the limit, and the scan stays linear. */
function checkDepth(source: string): void {
  let depth = 0
  let isText = false
  for (let at = 0; at < source.length; at += 1) {
    const code = source.charCodeAt(at)
    if (isText) {
      if (code === 0x5c) at += 1
      else if (code === 0x22) isText = false
    } else if (code === 0x22) isText = true
    else if (code === 0x7b || code === 0x5b) {
      depth += 1
      if (depth > MAX_DEPTH) throw invalid(`it is nested deeper than ${MAX_DEPTH}`)
    } else if (code === 0x7d || code === 0x5d) depth -= 1
  }
}

function agreedMediaType(document: JsonObject, sent: string): string {
  const own = document['mediaType']
  if (isSchema1(sent) || document['schemaVersion'] === 1)
    throw invalid('Docker schema 1 is not taken any more: push with a client newer than Docker 1.10')
  if (own !== undefined && typeof own !== 'string') throw invalid('mediaType is not a text')
  if (sent === '') throw invalid('the request has no Content-Type: send the media type of the manifest')
  if (own !== undefined && own !== sent) throw invalid(`its mediaType is ${own}, the Content-Type is ${sent}`)
  if (findManifestKind(sent) === undefined)
    throw invalid(
      `${sent} is not the media type of a manifest: allowed are ${[OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].join(', ')}`,
    )
  if (own === undefined && (sent === DOCKER_MANIFEST || sent === DOCKER_LIST))
    throw invalid(`a document of type ${sent} must say so in its mediaType`)
  return sent
}

function toManifest(source: string, document: JsonObject, mediaType: string): Manifest {
  const kind = findManifestKind(mediaType)
  if (kind === undefined) throw invalid(`${mediaType} is not the media type of a manifest`)
  if (document['schemaVersion'] !== 2) throw invalid('schemaVersion is not 2')
  const hasBlobs = 'config' in document || 'layers' in document
  if ('manifests' in document && hasBlobs)
    throw invalid('it has both manifests and config or layers (CVE-2021-41190)')
  const config = kind === 'image' ? descriptor(document['config'], 'config') : undefined
  const references = kind === 'image' ? imageReferences(document, config) : indexReferences(document)
  const subject = document['subject'] === undefined ? undefined : descriptor(document['subject'], 'subject')
  return {
    mediaType,
    sizeChars: source.length,
    kind,
    references,
    subject: subject?.digest,
    urls: kind === 'image' ? urlsOf(document['layers']) : [],
    artifactType: nonEmpty(text(document, 'artifactType')) ?? config?.mediaType,
    annotations: annotations(document['annotations']),
    mentioned: digestsIn(source),
  }
}

/** Some tools leave out `layers`, or write null, where there are none. */
function imageReferences(document: JsonObject, config: Descriptor | undefined): Reference[] {
  const layers = list(document['layers'] ?? [], 'layers').map((layer, index) =>
    descriptor(layer, `layers[${index}]`),
  )
  return [...(config ? [config] : []), ...layers].map((one) => ({
    digest: one.digest,
    sizeBytes: one.size,
    kind: 'blob',
    optional: mayBeAbsent(one.mediaType),
  }))
}

/** `urls` of the layers; what is no text is shown as it stands, so that no rule for URLs lets it pass. */
function urlsOf(layers: Json | undefined): readonly string[] {
  if (!Array.isArray(layers)) return []
  return (layers as readonly Json[]).flatMap((layer) => {
    const urls = isObject(layer) ? layer['urls'] : undefined
    if (urls === undefined || urls === null) return []
    return Array.isArray(urls) ? (urls as readonly Json[]).map(urlText) : [urlText(urls)]
  })
}

function urlText(json: Json): string {
  return typeof json === 'string' ? json : shown(json)
}

function indexReferences(document: JsonObject): Reference[] {
  const children = 'manifests' in document ? (document['manifests'] ?? []) : undefined
  return list(children, 'manifests').map((child, index) => {
    const one = descriptor(child, `manifests[${index}]`)
    return { digest: one.digest, sizeBytes: one.size, kind: 'manifest', optional: false }
  })
}

function descriptor(json: Json | undefined, where: string): Descriptor {
  if (!isObject(json)) throw invalid(`${where} is not a descriptor`)
  const digest = findDigest(text(json, 'digest') ?? '')
  if (digest === undefined)
    throw invalid(`${where}.digest is not a sha256 or sha512 digest: ${shown(json['digest'])}`)
  const size = json['size']
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid(`${where}.size is not a number of bytes: ${shown(size)}`)
  const mediaType = text(json, 'mediaType')
  if (mediaType === undefined || mediaType === '') throw invalid(`${where}.mediaType is missing`)
  return { mediaType, digest, size }
}

/** As much of a value as tells a person which one is meant. */
function shown(json: Json | undefined): string {
  return (JSON.stringify(json) ?? 'nothing').slice(0, 200)
}

function list(json: Json | undefined, where: string): readonly Json[] {
  if (!Array.isArray(json)) throw invalid(`${where} is not a list`)
  if (json.length > MAX_DESCRIPTORS) throw invalid(`${where} has more than ${MAX_DESCRIPTORS} entries`)
  return json as readonly Json[]
}

function annotations(json: Json | undefined): Readonly<Record<string, string>> | undefined {
  if (json === undefined || json === null) return undefined
  if (!isObject(json)) throw invalid('annotations is not an object')
  for (const value of Object.values(json))
    if (typeof value !== 'string') throw invalid('annotations has a value that is not a text')
  return json as Readonly<Record<string, string>>
}

function text(json: JsonObject, key: string): string | undefined {
  const value = Object.hasOwn(json, key) ? json[key] : undefined
  return typeof value === 'string' ? value : undefined
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function invalid(why: string, cause?: unknown): RegistryError {
  return new RegistryError('manifest-invalid', { why }, { cause })
}
