import { withoutParameters } from './media-type.js'

/** What is served as bytes of which nobody knows more. */
export const OCTET_STREAM = 'application/octet-stream'

const SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws'
/** RFC 6838 §4.2: nothing that could end a header. And nothing that a browser shows. */
const SHAPE = /^application\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/

/**
 * The media type of a manifest that a store holds although we cannot parse it: what it says itself, or schema 1, which
 * says nothing. Upstreams and stores of registry:2 have such; they are served as they are.
 */
export function otherMediaType(bytes: Buffer): string {
  const document = parseObject(bytes)
  const own = document?.mediaType
  if (typeof own === 'string' && SHAPE.test(own)) return own
  return document?.schemaVersion === 1 ? SCHEMA1_SIGNED : OCTET_STREAM
}

/** The media type that a Content-Type names, where it may be one of a manifest. */
export function findMediaType(contentType: string): string | undefined {
  const mediaType = withoutParameters(contentType)
  return SHAPE.test(mediaType) ? mediaType : undefined
}

/** True for what may be a manifest of any kind: a JSON object, not a page for people. */
export function isJsonObject(bytes: Buffer): boolean {
  return parseObject(bytes) !== undefined
}

interface Loose {
  readonly mediaType?: unknown
  readonly schemaVersion?: unknown
}

function parseObject(bytes: Buffer): Loose | undefined {
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : undefined
  } catch {
    return undefined
  }
}
