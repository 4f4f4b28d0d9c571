import type { UrlRules } from '../config/settings.js'
import type { Algorithm, Digest } from '../oci/digest.js'
import { RegistryError } from '../oci/failure.js'
import { MANIFEST_LIMIT_BYTES, type Manifest } from '../oci/manifest.js'
import { otherMediaType } from '../oci/other-media-type.js'
import { type Reference, referenceText, type Tag } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
import type { JournalActor } from '../store/journal-entry.js'
import type { Stage, StageState, Store, StoredContent } from '../store/store.js'
import type { LastPulls } from './last-pull.js'
import type { ManifestCache } from './manifest-cache.js'
import { putManifest } from './put-manifest.js'
import type { Reach } from './reach.js'
import { addReferrer, listReferrers } from './referrers.js'
import type {
  EventWishes,
  LocalRepository,
  ManifestPut,
  ManifestPutResult,
  PageRequest,
  ReferrersPage,
  ReferrersRequest,
  StoredManifest,
  TagsPage,
} from './source.js'

/** Deletes of one blob can cross its push this often before we give up. */
const LINK_ATTEMPTS = 8

export interface RepositoryParts {
  readonly store: Store
  readonly reach: Reach
  readonly manifests: ManifestCache
  readonly lastPulls: LastPulls
  /** What pushed manifests may name; undefined: any URL. */
  readonly manifestUrls: UrlRules | undefined
  readonly wishes: EventWishes
}

/** A repository in this store. */
export class StoredRepository implements LocalRepository {
  readonly repository: RepositoryName
  readonly #parts: RepositoryParts

  constructor(repository: RepositoryName, parts: RepositoryParts) {
    this.repository = repository
    this.#parts = parts
  }

  async manifest(
    reference: Reference,
    {
      countsAsPull = true,
      isSparse = false,
    }: { readonly countsAsPull?: boolean; readonly isSparse?: boolean } = {},
  ): Promise<StoredManifest | undefined> {
    const { store, manifests, lastPulls } = this.#parts
    const digest =
      reference.kind === 'digest'
        ? reference.digest
        : await store.links.findTag(this.repository, reference.tag)
    const stored = digest && (await store.content.look('revision', this.repository, digest))
    if (digest === undefined || stored === undefined) return undefined
    const bytes = await store.content.readVerified(stored, MANIFEST_LIMIT_BYTES)
    if (bytes === undefined) return undefined
    const manifest = manifests.find(digest, bytes)
    if (stored.wasRescued && !isSparse && manifest !== undefined) await this.#lookAtAll(reference, manifest)
    if (countsAsPull) lastPulls.note(this.repository, digest)
    return { digest, bytes, mediaType: manifest?.mediaType ?? otherMediaType(bytes) }
  }

  /** What a reader brought back from trash is a root again: all of it must be here before it is answered. */
  async #lookAtAll(reference: Reference, manifest: Manifest): Promise<void> {
    const { missing } = await this.#parts.reach.look(this.repository, manifest, false)
    if (missing.length > 0)
      throw new RegistryError('manifest-unknown', {
        reference: referenceText(reference),
        repository: this.repository,
      })
  }

  blob(digest: Digest, { promise }: { readonly promise: boolean }): Promise<StoredContent | undefined> {
    const { content } = this.#parts.store
    return promise
      ? content.promise('layer', this.repository, digest)
      : content.look('layer', this.repository, digest)
  }

  tags({ limit, last }: PageRequest): Promise<TagsPage | undefined> {
    return this.#parts.store.links.tags(this.repository, last, limit ?? Number.POSITIVE_INFINITY)
  }

  referrers(subject: Digest, request: ReferrersRequest): Promise<ReferrersPage> {
    return listReferrers(this.#parts.store, this.repository, subject, request)
  }

  putManifest(put: ManifestPut): Promise<ManifestPutResult> {
    return putManifest(this.#parts, this.repository, put)
  }

  async deleteTag(tag: Tag, actor: JournalActor): Promise<boolean> {
    const { links, journal } = this.#parts.store
    const wasThere = await links.removeTag(this.repository, tag)
    if (wasThere) journal.append({ kind: 'tag-deleted', repository: this.repository, tag }, actor)
    return wasThere
  }

  async deleteManifest(digest: Digest, actor: JournalActor): Promise<boolean> {
    const { links, content, journal } = this.#parts.store
    const stored = await content.look('revision', this.repository, digest)
    const bytes = stored && (await content.readVerified(stored, MANIFEST_LIMIT_BYTES))
    const manifest = bytes && this.#parts.manifests.find(digest, bytes)
    const tags = await links.tagsOf(this.repository, digest)
    // The revision first: an entry without it is not answered, and whoever dies in between has hidden no referrer.
    const wasThere = await links.removeRevision(this.repository, digest)
    if (manifest?.subject !== undefined) await this.#forgetReferrer(digest, manifest, bytes?.length ?? 0)
    if (!wasThere) return false
    journal.append({ kind: 'manifest-deleted', repository: this.repository, digest }, actor)
    for (const tag of tags)
      if ((await links.findTag(this.repository, tag)) === undefined)
        journal.append({ kind: 'tag-deleted', repository: this.repository, tag }, actor)
    return true
  }

  /** A push of the same manifest that came meanwhile gets its entry back: it may have looked for it before it went. */
  async #forgetReferrer(digest: Digest, manifest: Manifest, sizeBytes: number): Promise<void> {
    const { content, links } = this.#parts.store
    if (manifest.subject === undefined) return
    await links.removeReferrer(this.repository, manifest.subject, digest)
    if ((await content.look('revision', this.repository, digest)) === undefined) return
    await addReferrer(links, this.repository, { digest, manifest, sizeBytes })
  }

  async deleteBlob(digest: Digest, actor: JournalActor): Promise<boolean> {
    const { links, journal } = this.#parts.store
    const wasThere = await links.removeLayer(this.repository, digest)
    if (wasThere) journal.append({ kind: 'blob-deleted', repository: this.repository, digest }, actor)
    return wasThere
  }

  /** gc-protocol §4, "Mount": whatever is unknown on the way makes the client upload. */
  async mount(digest: Digest, from: RepositoryName, actor: JournalActor): Promise<boolean> {
    const { content, links, journal } = this.#parts.store
    const source = await content.promise('layer', from, digest)
    if (source === undefined) return false
    await links.publishLayer(this.repository, digest, source.dataDigest)
    const mounted = await content.promise('layer', this.repository, digest)
    if (mounted === undefined) return false
    const { sizeBytes } = mounted
    journal.append({ kind: 'blob-mounted', repository: this.repository, digest, sizeBytes, from }, actor)
    return true
  }

  beginUpload(algorithm: Algorithm): Promise<string> {
    return this.#parts.store.stages.begin(this.repository, algorithm)
  }

  findUpload(upload: string): Promise<StageState | undefined> {
    return this.#parts.store.stages.find(this.repository, upload)
  }

  async claimUpload(upload: string, signal: AbortSignal): Promise<Stage> {
    const stage = await this.#parts.store.stages.claim(this.repository, upload, signal)
    if (stage === undefined) throw new RegistryError('upload-unknown', { upload })
    return stage
  }

  async finishUpload(stage: Stage, digest: Digest, actor: JournalActor): Promise<void> {
    const { content, links, journal } = this.#parts.store
    const sizeBytes = stage.offset
    // The link's file is synced together with the bytes (one commit of the file system's journal), and published after them.
    await links.publishLayer(this.repository, digest, digest, stage.commit(digest))
    // Somebody may delete it from this repository between the two: whoever pushes it now wants it there.
    for (let attempt = 1; ; attempt += 1) {
      if (attempt > 1) await links.publishLayer(this.repository, digest, digest)
      if ((await content.promise('layer', this.repository, digest)) !== undefined) break
      if (attempt === LINK_ATTEMPTS)
        throw new RegistryError('storage-failing', {
          cause: `the blob ${digest} vanished after it was written`,
        })
    }
    journal.append({ kind: 'blob-pushed', repository: this.repository, digest, sizeBytes }, actor)
  }

  abortUpload(upload: string): Promise<boolean> {
    return this.#parts.store.stages.abort(this.repository, upload)
  }
}
