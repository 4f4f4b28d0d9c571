import { algorithmOf, type Digest, hexOf } from '../oci/digest.js'
import {
  type Descriptor,
  MANIFEST_LIMIT_BYTES,
  type Manifest,
  parseIndexDescriptors,
} from '../oci/manifest.js'
import { findTag } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
import { referrerKey } from '../oci/referrer-key.js'
import type { Links, Store } from '../store/store.js'
import type { ReferrersPage, ReferrersRequest } from './source.js'

/** A page's entries, and their bytes: a client reads 4 MiB at most (attack row 34). */
export const REFERRERS_LIMIT = 1000
export const REFERRERS_LIMIT_BYTES = 3 * 1024 * 1024

interface Entry {
  readonly key: string
  readonly descriptor: Descriptor
  readonly sizeBytes: number
}

/** Enters a manifest in the list of its subject, if it has one, as lists write it (distribution-spec, "Listing Referrers"). */
export async function addReferrer(
  links: Links,
  repository: RepositoryName,
  referrer: { readonly digest: Digest; readonly manifest: Manifest; readonly sizeBytes: number },
): Promise<void> {
  const { digest, sizeBytes } = referrer
  const { subject, mediaType, artifactType, annotations } = referrer.manifest
  if (subject === undefined) return
  const descriptor: Descriptor = {
    mediaType,
    digest,
    size: sizeBytes,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  }
  await links.addReferrer(repository, subject, digest, Buffer.from(JSON.stringify(descriptor)))
}

/** One page of who refers to a subject. */
export async function listReferrers(
  store: Store,
  repository: RepositoryName,
  subject: Digest,
  request: ReferrersRequest,
): Promise<ReferrersPage> {
  const limit = Math.min(request.limit ?? REFERRERS_LIMIT, REFERRERS_LIMIT)
  const manifests: Descriptor[] = []
  let sizeBytes = 0
  let last: string | undefined
  for await (const entry of merged(
    indexed(store, repository, subject, request.last),
    store,
    repository,
    subject,
    request.last,
  )) {
    if (request.artifactType !== undefined && entry.descriptor.artifactType !== request.artifactType) continue
    const isFull =
      manifests.length === limit ||
      (sizeBytes + entry.sizeBytes > REFERRERS_LIMIT_BYTES && manifests.length > 0)
    if (isFull) return { manifests, next: last }
    manifests.push(entry.descriptor)
    sizeBytes += entry.sizeBytes
    last = entry.key
  }
  return { manifests, next: undefined }
}

async function* indexed(
  store: Store,
  repository: RepositoryName,
  subject: Digest,
  last: string | undefined,
): AsyncIterable<Entry> {
  for await (const { key, descriptor } of store.links.referrers(repository, subject, last)) {
    const parsed = parseIndexDescriptors(descriptor)[0]
    if (parsed !== undefined) yield { key, descriptor: parsed, sizeBytes: descriptor.length }
  }
}

/**
 * What clients wrote into the fallback tag while an older registry served this volume is merged in (distribution-spec,
 * "Referrers Tag Schema"); both are ordered alike. Always: registry:2 may have served it between two of our starts.
 */
async function* merged(
  entries: AsyncIterable<Entry>,
  store: Store,
  repository: RepositoryName,
  subject: Digest,
  last: string | undefined,
): AsyncIterable<Entry> {
  const fallback = await fallbackEntries(store, repository, subject, last)
  let next = 0
  for await (const entry of entries) {
    for (let one = fallback[next]; one !== undefined && one.key <= entry.key; one = fallback[next]) {
      if (one.key < entry.key) yield one
      next += 1
    }
    yield entry
  }
  yield* fallback.slice(next)
}

async function fallbackEntries(
  { links, content }: Store,
  repository: RepositoryName,
  subject: Digest,
  last: string | undefined,
): Promise<readonly Entry[]> {
  const tag = findTag(`${algorithmOf(subject)}-${hexOf(subject)}`.slice(0, 128))
  const digest = tag && (await links.findTag(repository, tag))
  const stored = digest && (await content.look('revision', repository, digest))
  const bytes = stored && (await content.readVerified(stored, MANIFEST_LIMIT_BYTES))
  if (bytes === undefined) return []
  const entries: Entry[] = []
  for (const descriptor of parseIndexDescriptors(bytes)) {
    const key = referrerKey(descriptor.digest)
    if (last !== undefined && key <= last) continue
    if ((await content.look('revision', repository, descriptor.digest)) === undefined) continue
    entries.push({ key, descriptor, sizeBytes: JSON.stringify(descriptor).length })
  }
  return entries.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}
