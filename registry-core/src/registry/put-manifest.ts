import { algorithmOf, type Digest, digestOfBytes } from '../oci/digest.js'
import { RegistryError } from '../oci/failure.js'
import type { UrlRules } from '../config/settings.js'
import { type Manifest, parseManifest } from '../oci/manifest.js'
import { namedContent } from '../oci/named-content.js'
import type { Tag } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Store } from '../store/store.js'
import { checkUrls } from './manifest-urls.js'
import type { ManifestCache } from './manifest-cache.js'
import type { Reach } from './reach.js'
import { addReferrer } from './referrers.js'
import type { EventWishes, ManifestPut, ManifestPutResult } from './source.js'

/** Deletes of one manifest can cross its push this often before we give up. */
const PUBLISH_ATTEMPTS = 8

interface Parts {
  readonly store: Store
  readonly reach: Reach
  readonly manifests: ManifestCache
  readonly manifestUrls: UrlRules | undefined
  readonly wishes: EventWishes
}

/**
 * Takes a pushed manifest, in the order of gc-protocol §4 ("Manifest PUT"), to be read beside it. Whatever makes a
 * root publishes first, then looks at everything it reaches, then answers; when something is missing then, it is an
 * error and nothing is rolled back (it may be another's root).
 * @throws RegistryError `manifest-invalid`, `manifest-blob-unknown`, `digest-mismatch`, `tag-immutable`
 */
export async function putManifest(
  parts: Parts,
  repository: RepositoryName,
  put: ManifestPut,
): Promise<ManifestPutResult> {
  const { content, links, journal } = parts.store
  const digest = verifiedDigest(put)
  const manifest = parseManifest(put.bytes, put.contentType)
  if (parts.manifestUrls !== undefined) checkUrls(manifest.urls, parts.manifestUrls)
  const tags = put.reference.kind === 'tag' ? [put.reference.tag] : put.tags

  for (const tag of tags) await refuseMove(parts, repository, { tag, digest, put })
  const { wrongSizes } = await lookAtAll(parts, repository, manifest, true) // (1) (2)
  await content.commitBytes(digest, put.bytes) // (3)
  // Before the revision is published: an entry without its revision is not answered, a missing one would be a lie.
  await addReferrer(links, repository, { digest, manifest, sizeBytes: put.bytes.length })
  await links.publishRevision(repository, digest) // (4)
  await lookAtEverything(parts, repository, { digest, manifest, bytes: put.bytes }) // (5)
  const references = parts.wishes.references() ? namedContent(put.bytes) : undefined
  const event = {
    ...({ kind: 'manifest-pushed', repository, digest, mediaType: manifest.mediaType } as const),
    sizeBytes: put.bytes.length,
    ...(references && { references }),
  }
  if (tags.length === 0) journal.append(event, put.actor)
  for (const tag of tags) {
    const rule = put.immutableRule?.(tag)
    if (!(await links.publishTag(repository, tag, digest, rule !== undefined)))
      // (6)
      throw new RegistryError('tag-immutable', { tag, repository, rule: rule ?? '' })
    await lookAtEverything(parts, repository, { digest, manifest, bytes: put.bytes }) // (7)
    journal.append({ ...event, tag }, put.actor)
  }
  parts.manifests.keep(digest, manifest)
  return {
    digest,
    subject: manifest.subject,
    warnings: wrongSizes.map((one) => `the manifest gives ${one} another size than its content has`),
  }
}

/** Before anything is written; publishing decides between pushes that come at the same time. */
async function refuseMove(
  { store }: Parts,
  repository: RepositoryName,
  { tag, digest, put }: { readonly tag: Tag; readonly digest: Digest; readonly put: ManifestPut },
): Promise<void> {
  const rule = put.immutableRule?.(tag)
  if (rule === undefined) return
  const held = await store.links.findTag(repository, tag)
  if (held !== undefined && held !== digest)
    throw new RegistryError('tag-immutable', { tag, repository, rule })
}

function verifiedDigest({ reference, bytes }: ManifestPut): Digest {
  const algorithm = reference.kind === 'digest' ? algorithmOf(reference.digest) : 'sha256'
  const actual = digestOfBytes(algorithm, bytes)
  if (reference.kind === 'digest' && reference.digest !== actual)
    throw new RegistryError('digest-mismatch', { expected: reference.digest, actual })
  return actual
}

async function lookAtAll(
  { reach }: Parts,
  repository: RepositoryName,
  manifest: Manifest,
  renew: boolean,
): Promise<{ readonly wrongSizes: readonly Digest[] }> {
  const reached = await reach.look(repository, manifest, renew)
  if (reached.missing.length > 0)
    throw new RegistryError('manifest-blob-unknown', { digests: reached.missing, repository })
  return reached
}

interface Root {
  readonly digest: Digest
  readonly manifest: Manifest
  readonly bytes: Buffer
}

/**
 * What was published, and all it reaches. An old order may have condemned the revision, its bytes or its origin file,
 * and a DELETE may have taken the referrer's entry, since they were written: then they are written again.
 */
async function lookAtEverything(parts: Parts, repository: RepositoryName, root: Root): Promise<void> {
  const { content, links } = parts.store
  const { digest, manifest, bytes } = root
  const isThere = async (): Promise<boolean> =>
    (await content.look('revision', repository, digest)) !== undefined && links.isPushed(repository, digest)
  for (let attempt = 1; !(await isThere()); attempt += 1) {
    if (attempt === PUBLISH_ATTEMPTS)
      throw new RegistryError('manifest-blob-unknown', { digests: [digest], repository })
    await content.commitBytes(digest, bytes)
    await links.publishRevision(repository, digest)
  }
  if (manifest.subject !== undefined && !links.hasReferrer(repository, manifest.subject, digest))
    await addReferrer(links, repository, { digest, manifest, sizeBytes: bytes.length })
  await lookAtAll(parts, repository, manifest, false)
}
