import type { Digest } from '../oci/digest.js'
import type { Tag } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'

/* What a mirror needs of the store beside what everybody needs (store.ts). */

/** What is being fetched: files that grow, each written by the process that made it alone (design §5). */
export interface Partials {
  /**
   * A new file for the bytes of `digest`. What a dead process, or an earlier download of this one, has kept of it is
   * taken over (a dead one's is copied and hashed anew), so that `offset` says where to go on.
   */
  open(digest: Digest, signal: AbortSignal): Promise<PartialContent>
  /** Removes what dead processes have left, before `limit`; answers how many. */
  purge(limit: Date, signal: AbortSignal): Promise<number>
}

/**
 * A file that grows. Exactly one of `commit`, `keep` and `discard` ends the writing; what has been written can be read
 * until `close`, also after each of these.
 */
export interface PartialContent {
  readonly digest: Digest
  /** The bytes that are there, written and hashed. */
  readonly offset: number
  /**
   * Says how many bytes it will be: room is set aside for those that are missing.
   * @throws RegistryError `storage-full` when there is none: pass them on without storing
   */
  expect(sizeBytes: number): Promise<void>
  /**
   * Appends and hashes; the pieces may be read by others meanwhile. When a write fails it is thrown, once; from then on,
   * and after `discard`, nothing is written, `offset` stands still, and what comes is hashed only: `isWhole` goes on
   * telling of all of it.
   */
  append(pieces: readonly Buffer[]): Promise<void>
  /** Fills `buffer` from `position`, below `offset`; answers the bytes read. */
  read(buffer: Uint8Array, position: number): Promise<number>
  /** True when the bytes so far have the digest; nothing is published yet. */
  isWhole(): boolean
  /** Makes the bytes visible under their digest, whoever links them. @throws RegistryError `digest-mismatch`; after a failure all is gone */
  commit(): Promise<void>
  /** Lets go: a later download of this digest goes on from here. */
  keep(): Promise<void>
  /** Takes the file's name away; once or more often. */
  discard(): Promise<void>
  /** After the last read, and after the end of the writing. */
  close(): Promise<void>
}

/** Where a mirror got something. */
export interface FetchedFrom {
  /** The upstream's name (`UpstreamSettings.host`). */
  readonly host: string
  readonly etag: string | undefined
  /** As the upstream said it; of manifests whose bytes do not say it alone. */
  readonly mediaType?: string | undefined
  /** The upstream gave it to everybody, not only to our account. */
  readonly isPublic?: true | undefined
}

/** A tag that a mirror wrote. */
export interface MirroredTag extends FetchedFrom {
  readonly digest: Digest
  /** When the upstream last said that it stands for this digest; undefined where a crash came before its link. */
  readonly checkedAt: Date | undefined
}

/** Who put a revision or a tag here: a client by a push, a mirror, or nobody says (registry:2, or a crash between two files). */
export type Provenance =
  | { readonly kind: 'pushed' }
  | { readonly kind: 'fetched'; readonly from: FetchedFrom; readonly at: Date }
  | { readonly kind: 'unknown' }

/** Fetched, and nobody knows that its upstream gives it to everybody (ADR 13). */
export function isPrivate(
  provenance: Provenance,
): provenance is { readonly kind: 'fetched'; readonly from: FetchedFrom; readonly at: Date } {
  return provenance.kind === 'fetched' && provenance.from.isPublic !== true
}

/** Who put the revisions of a repository there; of an empty one nobody. */
export interface OriginSummary {
  readonly hasPushed: boolean
  /**
   * Something of which nobody says where it came from: registry:2 left no notes. Where no mirror has ever written nobody
   * looks for it once something pushed was found.
   */
  readonly hasUnknown: boolean
  readonly hasFetched: boolean
  /** Something that is not private. */
  readonly hasOpen: boolean
  /** The upstreams of what is private in it. */
  readonly privateHosts: readonly string[]
}

/** What lies there are layers at most, of which nothing tells who put them there. */
export function isWithoutRevision({ hasPushed, hasUnknown, hasFetched }: OriginSummary): boolean {
  return !hasPushed && !hasUnknown && !hasFetched
}

/** Where revisions and tags came from (design §4; gc-protocol §2). */
export interface Origins {
  /** Undefined when the repository has no such revision. A valid `pushed` wins (gc-protocol §2). */
  provenance(repository: RepositoryName, digest: Digest): Provenance | undefined
  /** Notes where it came from, then writes the link, one time for both; never touches `pushed` (gc-protocol §2). */
  publishRevision(repository: RepositoryName, digest: Digest, from: FetchedFrom): Promise<void>
  /** Undefined when there is no such tag, or it is a client's: no valid `upstream` beside it, or one with another digest. */
  findTag(repository: RepositoryName, tag: Tag): Promise<MirroredTag | undefined>
  /** Moves, or makes, a tag of a mirror. False when a client's stands there: it stays (gc-protocol §2). */
  publishTag(repository: RepositoryName, tag: Tag, digest: Digest, from: FetchedFrom): Promise<boolean>
  /** The upstream has said just now that the tag still stands for this digest. Nothing when the tag is another one meanwhile. */
  noteChecked(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void>
  /** When its first manifests came; undefined when it has never had any. */
  bornAt(repository: RepositoryName): Date | undefined
  /** Whether a mirror has ever written there, in whichever process; else nothing of it is an upstream's. One look. */
  wasMirrored(repository: RepositoryName): boolean
  /**
   * Of all that lies in it; at once where it is known. What comes or goes is seen by the next who asks, in whichever process
   * it does; that something which lies here is noted or pushed anew within minutes. To ask again costs two looks.
   */
  summary(repository: RepositoryName): OriginSummary | Promise<OriginSummary>
  /** All that lies in it, and where that came from; whoever has seen enough stops. */
  revisions(
    repository: RepositoryName,
  ): AsyncIterable<{ readonly digest: Digest; readonly provenance: Provenance }>
}
