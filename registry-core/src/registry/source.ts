import type { Digest } from '../oci/digest.js'
import type { Descriptor } from '../oci/manifest.js'
import type { Reference, Tag } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'
import type { JournalActor } from '../store/journal-entry.js'
import type { Stage, StageState, StoredContent } from '../store/store.js'

/** Where an answer comes from, in the words of `X-Entrepot-Origin` and `X-Cache` (design §3). */
export interface Served {
  /** `local`, or an upstream's name. */
  readonly origin: string
  /** `bypass`: this request had to go through, whatever is stored. */
  readonly cache: 'hit' | 'stale' | 'miss' | 'bypass'
  /** A sentence for `Warning`: why it may not be the newest. */
  readonly warning?: string
}

/** What was found, and where. */
export interface Pulled<T> {
  readonly value: T
  readonly served: Served
}

/** To pull: one interface, whether the content lies in the store or is fetched on a miss. */
export interface Source {
  /** Undefined when there is no such manifest here. @throws RegistryError where an upstream should have it, and does not give it */
  manifest(reference: Reference, request: ManifestRequest): Promise<Pulled<PulledManifest> | undefined>
  /** Undefined when this repository does not hold the blob. @throws as `manifest` */
  blob(digest: Digest, request: BlobRequest): Promise<Pulled<Blob> | undefined>
  /** Undefined when there is no such repository. @throws as `manifest` */
  tags(page: PageRequest, signal: () => AbortSignal): Promise<Pulled<TagsPage> | undefined>
  /** Never undefined: what nobody refers to has an empty list (distribution-spec, "Listing Referrers"). */
  referrers(
    subject: Digest,
    request: ReferrersRequest,
    signal: () => AbortSignal,
  ): Promise<Pulled<ReferrersPage>>
}

export interface ManifestRequest {
  /** That it was asked for keeps it alive. */
  readonly countsAsPull: boolean
  /** Fires when the client goes; made when it is asked for. */
  readonly signal: () => AbortSignal
}

/** A manifest, and the repository of the store that it lies in. */
export interface PulledManifest extends StoredManifest {
  readonly repository: RepositoryName
}

export interface BlobRequest {
  /** For callers who may push here: it stays. */
  readonly promise: boolean
  /** False for HEAD: nothing is fetched for it. */
  readonly wantsBytes: boolean
  readonly signal: () => AbortSignal
}

export type Blob =
  | { readonly kind: 'stored'; readonly content: StoredContent }
  | { readonly kind: 'growing'; readonly content: GrowingContent }
  /** Only asked for by HEAD: an upstream has it. */
  | { readonly kind: 'described'; readonly content: DescribedContent }

export interface DescribedContent {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly sizeBytes: number
}

/** A blob that is being fetched: bytes to read while they come. */
export interface GrowingContent {
  readonly repository: RepositoryName
  readonly digest: Digest
  /** Undefined when the upstream does not say. */
  readonly sizeBytes: number | undefined
  /**
   * The bytes from `first` to `last` (inclusive; undefined: to the end), as they come. The last 64 KiB of the blob come when all of it has its
   * digest; until then, and when it has not, what is read so far is all there is.
   * @throws when the rest of it does not come
   */
  read(first: number, last: number | undefined, signal: AbortSignal): AsyncIterable<Buffer>
  /** False for a piece whose memory others read too: all that follow a download closely are handed the same. */
  isOwn(piece: Buffer): boolean
}

/** A manifest as it came: the same bytes, the same media type. */
export interface StoredManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Buffer
}

/** `limit` entries after `last` (exclusive; it need not exist). An undefined limit: all. */
export interface PageRequest {
  readonly limit: number | undefined
  readonly last: string | undefined
}

export interface TagsPage {
  readonly tags: readonly Tag[]
  readonly more: boolean
}

export interface ReferrersRequest {
  readonly artifactType: string | undefined
  readonly last: string | undefined
  readonly limit: number | undefined
}

export interface ReferrersPage {
  readonly manifests: readonly Descriptor[]
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined
}

/** What a client that pushes a manifest sent. */
export interface ManifestPut {
  readonly bytes: Buffer
  /** As it came, with parameters; undefined when the header was missing. */
  readonly contentType: string | undefined
  readonly reference: Reference
  /** Further tags of the query (`?tag=`), for a push by digest. */
  readonly tags: readonly Tag[]
  /** The rule by which a tag is pushed once, in words; undefined where it may move. */
  readonly immutableRule?: (tag: Tag) => string | undefined
  readonly actor: JournalActor
}

export interface ManifestPutResult {
  readonly digest: Digest
  readonly subject: Digest | undefined
  /** Sentences for `Warning` headers. */
  readonly warnings: readonly string[]
}

/** A repository of this store, to pull and to push. A mirror has none, so that a push into it does not compile. */
export interface LocalRepository {
  readonly repository: RepositoryName
  /**
   * Undefined when there is no such manifest here. `countsAsPull`: that it was asked for keeps it alive. `isSparse`: what
   * it names need not be here, since a mirror fetches it when it is asked for.
   */
  manifest(
    reference: Reference,
    options?: { readonly countsAsPull?: boolean; readonly isSparse?: boolean },
  ): Promise<StoredManifest | undefined>
  /** Undefined when this repository does not hold the blob; `promise` for callers who may push here. */
  blob(digest: Digest, options: { readonly promise: boolean }): Promise<StoredContent | undefined>
  /** Undefined when there is no such repository. */
  tags(page: PageRequest): Promise<TagsPage | undefined>
  referrers(subject: Digest, request: ReferrersRequest): Promise<ReferrersPage>

  /** @throws RegistryError `manifest-invalid`, `manifest-blob-unknown`, `digest-mismatch`, `tag-immutable` */
  putManifest(put: ManifestPut): Promise<ManifestPutResult>
  /** False when there was no such tag. */
  deleteTag(tag: Tag, actor: JournalActor): Promise<boolean>
  /** The revision and all its tags; false when there was none. */
  deleteManifest(digest: Digest, actor: JournalActor): Promise<boolean>
  deleteBlob(digest: Digest, actor: JournalActor): Promise<boolean>
  /** False when the source does not hold the blob: the client uploads it. */
  mount(digest: Digest, from: RepositoryName, actor: JournalActor): Promise<boolean>

  beginUpload(algorithm: 'sha256' | 'sha512'): Promise<string>
  findUpload(upload: string): Promise<StageState | undefined>
  /** Makes the request the session's only writer. @throws RegistryError `upload-unknown` */
  claimUpload(upload: string, signal: AbortSignal): Promise<Stage>
  /** Commits, links and promises the blob (gc-protocol §4). @throws RegistryError `digest-mismatch` */
  finishUpload(stage: Stage, digest: Digest, actor: JournalActor): Promise<void>
  /** False when there is no such session. */
  abortUpload(upload: string): Promise<boolean>
}

/** What those who read the journal want in it beyond what changes; asked for each event. */
export interface EventWishes {
  pulls(): boolean
  /** With manifests, what they name. */
  references(): boolean
}

/** What somebody who pulls was answered. */
export type PulledContent =
  | {
      readonly kind: 'manifest'
      readonly repository: RepositoryName
      readonly manifest: StoredManifest
      readonly tag: Tag | undefined
    }
  | {
      readonly kind: 'blob'
      readonly repository: RepositoryName
      readonly digest: Digest
      readonly sizeBytes: number
    }

/** All repositories of the store. */
export interface Registry {
  repository(name: RepositoryName): LocalRepository
  /** One more than asked for is never read: `more` says whether a page follows. */
  catalog(page: { readonly limit: number; readonly last: string | undefined }): Promise<{
    readonly repositories: readonly RepositoryName[]
    readonly more: boolean
  }>
  /** What somebody pulled, for those who want to hear of it. */
  notePull(pulled: PulledContent, actor: () => JournalActor): void
  /** Writes what is still held back (last pulls, journal). */
  close(): Promise<void>
}
