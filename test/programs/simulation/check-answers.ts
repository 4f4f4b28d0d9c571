import type { Digest } from '#core/oci/digest.js'
import type { RepositoryName } from '#core/oci/repository.js'
import type { OpenedProcess } from '#core-test/simulated-store.js'

import type { ManifestPiece, Piece } from './content.js'
import type { Ledger, Thing } from './ledger.js'

const NEVER = new AbortController().signal

/**
 * Asks for everything that the ledger knows, as clients do, and says what is wrong: lost, come back, wrong bytes, half
 * there (invariants I1, I2 and I5 of attacks-and-faults.md).
 */
export async function checkAnswers(process: OpenedProcess, ledger: Ledger): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const thing of ledger.things()) wrong.push(...(await checkThing(process, ledger, thing)))
  wrong.push(...(await checkListings(process, ledger)))
  return wrong
}

/** The same for one thing. */
async function checkThing(process: OpenedProcess, ledger: Ledger, thing: Thing): Promise<readonly string[]> {
  if (thing.kind === 'blob') return checkBlob(process, ledger, thing)
  if (thing.kind === 'manifest') return checkManifest(process, ledger, thing)
  const { repository, tag } = thing
  const found = await process.registry.repository(repository).manifest({ kind: 'tag', tag })
  const linked = await process.store.links.findTag(repository, tag)
  const name = `tag ${repository}:${tag}`
  if (found === undefined && linked !== undefined) return [`${name} leads to ${linked}, which is not there`]
  return unexpected(name, ledger.allowed(thing), found?.digest)
}

async function checkBlob(
  process: OpenedProcess,
  ledger: Ledger,
  thing: Thing & { readonly kind: 'blob' },
): Promise<readonly string[]> {
  const { repository, piece } = thing
  const name = `blob ${repository}@${piece.digest}`
  const bytes = await blobBytes(process, repository, piece)
  if (bytes !== undefined && !bytes.equals(piece.bytes)) return [`${name} has wrong bytes`]
  return unexpected(name, ledger.allowed(thing), bytes && piece.digest)
}

async function blobBytes(
  { registry, store }: OpenedProcess,
  repository: RepositoryName,
  { digest }: Piece,
): Promise<Buffer | undefined> {
  const found = await registry.repository(repository).blob(digest, { promise: false })
  if (found === undefined) return undefined
  const chunks = await Array.fromAsync(store.content.read(found, 0, found.sizeBytes - 1, NEVER))
  return Buffer.concat(chunks)
}

async function checkManifest(
  process: OpenedProcess,
  ledger: Ledger,
  thing: Thing & { readonly kind: 'manifest' },
): Promise<readonly string[]> {
  const { repository, piece } = thing
  const name = `manifest ${repository}@${piece.digest}`
  const found = await process.registry
    .repository(repository)
    .manifest({ kind: 'digest', digest: piece.digest })
  if (found !== undefined && !found.bytes.equals(piece.bytes)) return [`${name} has wrong bytes`]
  if (found !== undefined && found.mediaType !== piece.mediaType) return [`${name} is ${found.mediaType}`]
  const wrong = unexpected(name, ledger.allowed(thing), found?.digest)
  return [
    ...wrong,
    ...(found === undefined ? [] : await checkParts(process, name, repository, piece)),
    ...(await checkReferrer(process, name, repository, piece, found !== undefined)),
  ]
}

/** What can be pulled by its digest must have all of its parts. */
async function checkParts(
  process: OpenedProcess,
  name: string,
  repository: RepositoryName,
  { blobs, children }: ManifestPiece,
): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const blob of blobs) {
    const bytes = await blobBytes(process, repository, blob)
    if (bytes === undefined) wrong.push(`${name} is there without its blob ${blob.digest}`)
    else if (!bytes.equals(blob.bytes))
      wrong.push(`${name} is there, its blob ${blob.digest} has wrong bytes`)
  }
  for (const child of children) {
    const found = await process.registry
      .repository(repository)
      .manifest({ kind: 'digest', digest: child.digest })
    if (found === undefined) wrong.push(`${name} is there without its child ${child.digest}`)
    else wrong.push(...(await checkParts(process, name, repository, child)))
  }
  return wrong
}

async function checkReferrer(
  { registry }: OpenedProcess,
  name: string,
  repository: RepositoryName,
  { digest, subject }: ManifestPiece,
  isThere: boolean,
): Promise<readonly string[]> {
  if (subject === undefined) return []
  const request = { artifactType: undefined, last: undefined, limit: undefined }
  const { manifests } = await registry.repository(repository).referrers(subject, request)
  const isListed = manifests.some((one) => one.digest === digest)
  if (isListed === isThere) return []
  return [
    `${name} ${isThere ? 'is there and not' : 'is not there and yet'} listed among the referrers of ${subject}`,
  ]
}

/** Listings name what is there and nothing else. */
async function checkListings({ registry }: OpenedProcess, ledger: Ledger): Promise<readonly string[]> {
  const wrong: string[] = []
  const repositories = new Set([...ledger.things()].map(({ repository }) => repository))
  const { repositories: listed } = await registry.catalog({ limit: 1000, last: undefined })
  for (const repository of listed)
    if (!repositories.has(repository))
      wrong.push(`the catalog lists ${repository}, which nobody has pushed to`)
  for (const repository of repositories) {
    const things = [...ledger.things()].filter((thing) => thing.repository === repository)
    const mustBeListed = things.some((thing) => thing.kind !== 'tag' && ledger.mustExist(thing))
    if (mustBeListed && !listed.includes(repository)) wrong.push(`the catalog does not list ${repository}`)
    const page = await registry.repository(repository).tags({ limit: undefined, last: undefined })
    const tags = new Set<string>(page?.tags)
    for (const thing of things)
      if (thing.kind === 'tag' && ledger.mustExist(thing) && !tags.delete(thing.tag))
        wrong.push(`the tags of ${repository} do not list ${thing.tag}`)
      else if (thing.kind === 'tag' && ledger.allowed(thing).size > 1) tags.delete(thing.tag)
    if (tags.size > 0) wrong.push(`the tags of ${repository} list ${[...tags].join(', ')}`)
  }
  return wrong
}

function unexpected(
  name: string,
  allowed: ReadonlySet<Digest | 'absent'>,
  found: Digest | undefined,
): readonly string[] {
  if (allowed.has(found ?? 'absent')) return []
  return [`${name} is ${found ?? 'absent'}, which should be ${[...allowed].join(' or ')}`]
}
