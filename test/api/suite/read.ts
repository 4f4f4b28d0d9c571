import type { Descriptor } from '../../support/images.js'
import type { Answer } from '../../support/registry-client.js'

type Json = Readonly<Record<string, unknown>>

/** One error of an answer's list. */
export interface OciError {
  readonly code: string
  readonly message: string | undefined
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isRecords(value: unknown): value is readonly Json[] {
  return Array.isArray(value) && value.every(isRecord)
}

/** The error list of an answer; throws when the body is no such list. */
export function readErrors(body: Buffer): readonly OciError[] {
  const value = readObject(body)
  const { errors } = value
  if (!isRecords(errors) || errors.length === 0) throw new Error(`no list of errors: ${body.toString()}`)
  return errors.map(({ code, message }) => {
    if (typeof code !== 'string') throw new Error(`an error without a code: ${body.toString()}`)
    return { code, message: typeof message === 'string' ? message : undefined }
  })
}

/** The body as a JSON object; throws when it is anything else. */
export function readObject(body: Buffer): Json {
  const value: unknown = parseJson(body)
  if (!isRecord(value)) throw new Error(`not a JSON object: ${body.subarray(0, 200).toString()}`)
  return value
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown
  } catch (cause) {
    throw new Error(`not JSON: ${body.subarray(0, 200).toString()}`, { cause })
  }
}

/** The names in a tags/list answer. */
export function readTags(answer: Answer): readonly string[] {
  const { tags } = readObject(answer.body)
  if (!isStrings(tags)) throw new Error(`no tags: ${answer.body.toString()}`)
  return tags
}

/** The names in a _catalog answer. */
export function readRepositories(answer: Answer): readonly string[] {
  const { repositories } = readObject(answer.body)
  if (!isStrings(repositories)) throw new Error(`no repositories: ${answer.body.toString()}`)
  return repositories
}

/** The entries of an index, as descriptors. */
export function readIndex(body: Buffer): readonly Descriptor[] {
  const { manifests } = readObject(body)
  if (!Array.isArray(manifests) || !manifests.every(isDescriptor)) {
    throw new Error(`no manifests: ${body.subarray(0, 200).toString()}`)
  }
  return manifests
}

function isDescriptor(value: unknown): value is Descriptor {
  return (
    isRecord(value) &&
    typeof value['mediaType'] === 'string' &&
    typeof value['digest'] === 'string' &&
    typeof value['size'] === 'number'
  )
}

/** What a manifest refers to and holds on to: config, layers, children; not its subject, which may be missing. */
export function readManifestReferences(body: Uint8Array): readonly Descriptor[] {
  const { config, layers, manifests } = readObject(Buffer.from(body))
  return [
    config,
    ...(Array.isArray(layers) ? layers : []),
    ...(Array.isArray(manifests) ? manifests : []),
  ].filter(isDescriptor)
}
