import { algorithmOf, type Digest, digestOfBytes, findDigest } from '../../oci/digest.js'
import { MANIFEST_LIMIT_BYTES } from '../../oci/manifest.js'
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
  withoutParameters,
} from '../../oci/media-type.js'
import { type Reference, referenceText } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Client, Question } from './client.js'
import type { Pace } from './transfers.js'
import { findJson, propertyOf, readSmall } from './small-body.js'
import type { FetchedManifest } from './upstream.js'
import { isUpstreamFailure, UpstreamFailure } from './upstream-failure.js'
import { discard, type WireAnswer } from './wire.js'

/** As containerd asks: what it knows first, then anything, for unknown types are kept as they are. */
const ACCEPT = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, '*/*;q=0.1'].join(', ')
/** Longer ones are not kept. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,256}"$/

interface Parts {
  readonly client: Client
  readonly pace: Pace
}

/** The digest by HEAD; where that does not name it, or is not allowed, by GET. */
export async function resolveManifest(
  parts: Parts,
  repository: RepositoryName,
  reference: Reference,
  signal: AbortSignal,
): Promise<Digest> {
  const question = questionFor('HEAD', repository, reference, signal)
  const named = await parts.client.ask(question, readHead(reference)).catch((error: unknown) => {
    if (isUpstreamFailure(error) && error.status === 405) return undefined
    throw error
  })
  return named ?? (await fetchManifest(parts, repository, reference, signal)).digest
}

/** GET, and the bytes have the digest that was asked for, or that the answer names. */
export function fetchManifest(
  { client, pace }: Parts,
  repository: RepositoryName,
  reference: Reference,
  signal: AbortSignal,
): Promise<FetchedManifest> {
  return client.ask(questionFor('GET', repository, reference, signal), async (answer) => {
    const bytes = await readSmall(client.wire, answer, MANIFEST_LIMIT_BYTES)
    pace.charge(bytes.length)
    const named = findDigest(answer.header('docker-content-digest') ?? '')
    const digest = verified(bytes, reference, named, answer.url.host)
    return { digest, mediaType: mediaTypeOf(answer, bytes), bytes, etag: etagOf(answer) }
  })
}

function questionFor(
  method: 'GET' | 'HEAD',
  repository: RepositoryName,
  reference: Reference,
  signal: AbortSignal,
): Question {
  return { method, repository, path: `manifests/${referenceText(reference)}`, accept: ACCEPT, signal }
}

function readHead(reference: Reference) {
  return async (answer: WireAnswer): Promise<Digest | undefined> => {
    discard(answer)
    const named = findDigest(answer.header('docker-content-digest') ?? '')
    if (named !== undefined && reference.kind === 'digest' && named !== reference.digest)
      throw lying(answer.url.host, reference, named)
    return named
  }
}

/** The digest is always computed here, from what came (attack row 53). */
function verified(bytes: Buffer, reference: Reference, named: Digest | undefined, host: string): Digest {
  const wanted = reference.kind === 'digest' ? reference.digest : named
  const digest = digestOfBytes(wanted === undefined ? 'sha256' : algorithmOf(wanted), bytes)
  if (wanted !== undefined && digest !== wanted) throw lying(host, reference, digest)
  // Without a digest to hold it against, it must look like a manifest at least.
  const json = findJson(bytes)
  if (wanted === undefined && (typeof json !== 'object' || json === null)) throw notOne(host, reference)
  return digest
}

function lying(host: string, reference: Reference, found: Digest): UpstreamFailure {
  return new UpstreamFailure(
    'wrong-content',
    `${host} answered ${referenceText(reference)} with a manifest that is ${found}, not what it says: it, or something in between, is broken`,
  )
}

function notOne(host: string, reference: Reference): UpstreamFailure {
  return new UpstreamFailure(
    'wrong-content',
    `${host} answered ${referenceText(reference)} with what is not a manifest: something in between answers for it`,
  )
}

/** As the upstream says; where it says nothing, as the document does. */
function mediaTypeOf(answer: WireAnswer, bytes: Buffer): string {
  const said = withoutParameters(answer.header('content-type'))
  if (said !== '') return said
  const json = findJson(bytes)
  const own = propertyOf(json, 'mediaType')
  if (typeof own === 'string') return own
  return propertyOf(json, 'manifests') === undefined ? OCI_MANIFEST : OCI_INDEX
}

function etagOf(answer: WireAnswer): string | undefined {
  const etag = answer.header('etag')
  return etag !== undefined && ETAG.test(etag) ? etag : undefined
}
