import { type Digest, findDigest } from './digest.js'

/** A descriptor as a manifest writes it, without what only clients that run it need. */
export interface NamedContent {
  readonly mediaType: string
  readonly size: number
  readonly digest: Digest
  readonly urls?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** So many characters of JSON; a larger list belongs to nobody's message. */
const LIMIT_CHARS = 256 * 1024

/**
 * What a manifest names: configuration and layers, or the manifests of an index, in its order (as Distribution's
 * `References`). Undefined when it names too much, or is no JSON.
 */
export function namedContent(bytes: Buffer): readonly NamedContent[] | undefined {
  const document = parseObject(bytes)
  if (document === undefined) return undefined
  const { config, layers, blobs, manifests } = document
  const named = [config, layers, blobs, manifests].flat().flatMap(descriptorOf)
  return JSON.stringify(named).length > LIMIT_CHARS ? undefined : named
}

interface Loose {
  readonly [key: string]: unknown
}

function parseObject(bytes: Buffer): Loose | undefined {
  try {
    const json: unknown = JSON.parse(bytes.toString())
    return isObject(json) ? json : undefined
  } catch {
    return undefined
  }
}

function descriptorOf(json: unknown): readonly NamedContent[] {
  if (!isObject(json)) return []
  const { mediaType, size, digest, urls, annotations } = json
  const found = typeof digest === 'string' ? findDigest(digest) : undefined
  if (found === undefined) return []
  return [
    {
      mediaType: typeof mediaType === 'string' ? mediaType : '',
      size: typeof size === 'number' ? size : 0,
      digest: found,
      ...(Array.isArray(urls) && { urls: urls.filter((url) => typeof url === 'string') }),
      ...(isObject(annotations) && { annotations: textsOf(annotations) }),
    },
  ]
}

function textsOf(json: Loose): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(json).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  )
}

function isObject(json: unknown): json is Loose {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
