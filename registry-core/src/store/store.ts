import type { Algorithm, Digest } from '../oci/digest.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Tag } from '../oci/reference.js'
import type { Bookmarks } from './bookmarks.js'
import type { Origins, Partials } from './fetched.js'
import type { FileStat } from './fs.js'
import type { JournalActor, JournalEntry, JournalEvent, JournalPortion } from './journal-entry.js'

/**
 * The store in the domain's words. File names, mtimes and trash exist below this line only (gc-protocol §13).
 * Absence is an answer (`undefined`), removing nothing succeeds, nothing is visible before its commit, and a digest
 * is verified before that.
 */
export interface Store {
  readonly content: Content
  readonly stages: Stages
  readonly links: Links
  readonly origins: Origins
  readonly partials: Partials
  readonly trash: Trash
  readonly space: Space
  readonly journal: Journal
  readonly bookmarks: Bookmarks
  readonly records: Records
  readonly secret: SharedSecret
  /** Ends what the store does by itself; nothing may be called afterwards. */
  close(): Promise<void>
}

/** How a repository holds a digest: as a blob that was uploaded or mounted, or as a manifest. */
export type Linkage = 'layer' | 'revision'

/** Content that a repository holds. */
export interface StoredContent {
  /** Who holds it. */
  readonly repository: RepositoryName
  /** What was asked for. */
  readonly digest: Digest
  /** Where the bytes lie: differs from `digest` only for sha512 layers that registry:2 wrote. */
  readonly dataDigest: Digest
  readonly sizeBytes: number
  /** The linkage had been condemned and was brought back: whoever answers looks at all it reaches first (gc-protocol §3). */
  readonly wasRescued: boolean
  readonly stat: FileStat
}

/** The bytes, and the only way to say that something exists (gc-protocol §3, §4). */
export interface Content {
  /** Brings back what a collector has just condemned; undefined when the repository does not hold it. Touches no lease. */
  look(linkage: Linkage, repository: RepositoryName, digest: Digest): Promise<StoredContent | undefined>
  /** The same, and renews the leases: for callers who may push here, the pair stays for 24 hours. */
  promise(linkage: Linkage, repository: RepositoryName, digest: Digest): Promise<StoredContent | undefined>
  /**
   * The same for digests that a text mentions, and that may be anything or nothing: of each, what the repository holds
   * as a layer or as a manifest. Cheap where most of them are nothing.
   */
  lookAtMentioned(
    repository: RepositoryName,
    digests: readonly Digest[],
    renew: boolean,
  ): Promise<ReadonlyMap<Digest, StoredContent>>
  /** Bytes that we have hashed, whoever links them: for whoever knows otherwise that its repository holds them. */
  lookAtBytes(digest: Digest): Promise<{ readonly sizeBytes: number } | undefined>
  /** The bytes from `first` to `last` (inclusive). @throws code `EIO` and the like when they cannot be read */
  read(content: StoredContent, first: number, last: number, signal: AbortSignal): AsyncIterable<Buffer>
  /** All bytes of something small, verified against the digest; undefined (and quarantined) when they are not what they should be. */
  readVerified(content: StoredContent, limitBytes: number): Promise<Buffer | undefined>
  /** False for bytes that nobody here has hashed yet (an adopted store's). */
  isHashed(content: StoredContent): boolean
  /** Where nginx finds the bytes, relative to the folder of all blobs; undefined when the core must send them itself. */
  pathForFront(content: StoredContent): string | undefined
  /** Says that the bytes were hashed now and are right: from here on a front end may send them. */
  markHashed(content: StoredContent): Promise<void>
  /** Takes damaged bytes away; a re-push heals. */
  quarantine(content: StoredContent, why: string): Promise<void>
  /** Makes the bytes visible under their digest, whoever links them. */
  commitBytes(digest: Digest, bytes: Uint8Array): Promise<void>
}

/** Upload sessions on disk: one writer each, resumable by any process (ADR 0003). */
export interface Stages {
  begin(repository: RepositoryName, algorithm: Algorithm): Promise<string>
  /** Where the session stands; undefined when there is none of this repository. */
  find(repository: RepositoryName, upload: string): Promise<StageState | undefined>
  /**
   * Makes this request the only writer. An older request of this process is aborted and awaited; one of another
   * process can no longer publish anything.
   */
  claim(repository: RepositoryName, upload: string, signal: AbortSignal): Promise<Stage | undefined>
  /** Ends a session; nothing of it stays. */
  abort(repository: RepositoryName, upload: string): Promise<boolean>
  /** Ends sessions that were begun before `limit`; answers how many. */
  purge(limit: Date, signal: AbortSignal): Promise<number>
  /** How many of them `purge` would end. */
  countStale(limit: Date, signal: AbortSignal): Promise<number>
}

export interface StageState {
  readonly upload: string
  readonly offset: number
  readonly startedAt: Date
}

/** A claimed session. Exactly one of `settle` and `commit` ends it. */
export interface Stage {
  readonly offset: number
  readonly signal: AbortSignal
  /**
   * Appends and hashes; what arrived before an error of the body or an abort counts. The pieces are used up.
   * @param expectedBytes what the request announced: with another number nothing of it counts
   * @throws what the body throws; RegistryError `size-mismatch`, `upload-taken-over`
   */
  append(body: AsyncIterable<Buffer>, expectedBytes?: number): Promise<void>
  /** Lets go: what is there can be resumed, here or in another process. */
  settle(): Promise<void>
  /**
   * Verifies the digest, makes the bytes visible under it and ends the session.
   * @throws RegistryError `digest-mismatch`: the session is gone, the store unchanged
   */
  commit(digest: Digest): Promise<void>
}

/** What each repository holds: tags, revisions, layers, referrers. */
export interface Links {
  hasRepository(repository: RepositoryName): boolean
  /** Repositories in Distribution's order (a name before those below it), after `last`. */
  repositories(last: string | undefined, limit: number): Promise<readonly RepositoryName[]>
  findTag(repository: RepositoryName, tag: Tag): Promise<Digest | undefined>
  /** Tags sorted by byte, after `last`; `more` says that others follow. Undefined when there is no such repository. */
  tags(
    repository: RepositoryName,
    last: string | undefined,
    limit: number,
  ): Promise<{ readonly tags: readonly Tag[]; readonly more: boolean } | undefined>
  /**
   * `dataDigest` is where the bytes lie: another one only for sha512 layers that registry:2 wrote. Nothing is published
   * before `once` (the commit of the bytes) is done; what it throws is thrown here, after both have ended.
   */
  publishLayer(
    repository: RepositoryName,
    digest: Digest,
    dataDigest: Digest,
    once?: Promise<void>,
  ): Promise<void>
  /** Notes that a client pushed it, then writes a fresh link. The caller looks at all it reaches before it answers. */
  publishRevision(repository: RepositoryName, digest: Digest): Promise<void>
  /** True when a revision's note that a client pushed it is there, and not older than its link. */
  isPushed(repository: RepositoryName, digest: Digest): boolean
  /**
   * gc-protocol §5: index entry, link by rename, takes revoked, looked at. With `once` the link never replaces another:
   * false when the tag stands for another digest, in whichever process that was pushed.
   */
  publishTag(repository: RepositoryName, tag: Tag, digest: Digest, once?: boolean): Promise<boolean>
  /** Removes the tag if it still is what the condition says (gc-protocol §5). */
  takeTag(repository: RepositoryName, tag: Tag, ifStill: TagCondition): Promise<'removed' | 'changed'>
  /** Explicit DELETE; false when there was none. */
  removeTag(repository: RepositoryName, tag: Tag): Promise<boolean>
  removeRevision(repository: RepositoryName, digest: Digest): Promise<boolean>
  removeLayer(repository: RepositoryName, digest: Digest): Promise<boolean>
  /** The tags that stand for a digest now. */
  tagsOf(repository: RepositoryName, digest: Digest): Promise<readonly Tag[]>
  /** Writes the time of the last pull beside a revision. */
  touchPull(repository: RepositoryName, digest: Digest, time: Date): Promise<void>
  addReferrer(
    repository: RepositoryName,
    subject: Digest,
    referrer: Digest,
    descriptor: Uint8Array,
  ): Promise<void>
  hasReferrer(repository: RepositoryName, subject: Digest, referrer: Digest): boolean
  removeReferrer(repository: RepositoryName, subject: Digest, referrer: Digest): Promise<void>
  /** Descriptors as answered, ordered by `referrerKey`, after `last`. */
  referrers(
    repository: RepositoryName,
    subject: Digest,
    last: string | undefined,
  ): AsyncIterable<{ readonly key: string; readonly referrer: Digest; readonly descriptor: Buffer }>
}

/** Both must hold for a tag to be taken. */
export interface TagCondition {
  readonly digest: Digest
  readonly linkedAtMs: number
}

/** An object that a collector can condemn (gc-protocol §1). */
export type StoreObject =
  | { readonly kind: 'data'; readonly digest: Digest }
  | { readonly kind: Linkage; readonly repository: RepositoryName; readonly digest: Digest }

/** Where condemned objects wait. The collector that calls it comes later; what it must find is fixed now. */
export interface Trash {
  /** Renames the object away under the run's name; false when it was not there. */
  condemn(object: StoreObject, runId: string): Promise<boolean>
  /** Every name in trash. */
  list(): AsyncIterable<TrashName>
  /** Ends a name: back to its place (never over something fresh), or gone for ever. */
  settle(name: TrashName, outcome: 'restore' | 'destroy', object: StoreObject): Promise<void>
}

export interface TrashName {
  readonly folder: string
  readonly name: string
  readonly runId: string
}

/** Room on the disk. */
export interface Space {
  /** @throws RegistryError `store-refused` in a store that is not the expected one: nothing is written to it, or removed from it */
  requireExpectedStore(): void
  /** @throws RegistryError `storage-full` when `bytes` more would eat into the reserve */
  reserve(bytes: number): Promise<void>
  freeBytes(): Promise<number>
  /** Finds out, without a push, whether the disk takes writes, or does so again; `reserve` then knows. Never throws. */
  probeWrites(): Promise<void>
  /** Removes what crashed processes left under temporary names, or as takes of tags (gc-protocol §5), before `limit`; answers how many. */
  purgeTemporary(limit: Date, signal: AbortSignal): Promise<number>
}

/** Append-only; each process writes files of its own, readers merge them. A lost cursor means a rebuild. */
export interface Journal {
  append(event: JournalEvent, actor: JournalActor): void
  /**
   * What was written since the cursor (undefined: everything kept), in portions, and where to go on.
   * Undefined when the cursor is lost: what it named is not kept any more.
   */
  read(
    cursor: string | undefined,
  ): Promise<{ readonly entries: readonly JournalEntry[]; readonly cursor: string } | undefined>
  /** This process's own part, by the name that others find it under; whoever was never here before has a new one. */
  readonly part: string
  /** The number of the newest entry of this process. */
  readonly lastNumber: number
  /**
   * What one process has written behind a position (undefined: from the first that is kept), in portions: no entries
   * means that there are no more yet.
   */
  readPart(part: string, position: string | undefined): Promise<JournalPortion>
  /** Calls the listener each time when entries of this process can be read; answers what ends that. */
  onWritten(listener: () => void): () => void
  /** Waits until everything appended so far has been handed to the system. */
  flush(): Promise<void>
}

/** What was removed on purpose, written and synced before it goes: one file a process and day. */
export interface Records {
  add(record: Readonly<Record<string, string | number | undefined>>): Promise<void>
}

/** A small text that all processes of the store share, and nobody else may read. */
export interface SharedSecret {
  /** As it is now; undefined when there is none yet. */
  read(): Buffer | undefined
  /** Never replaces; false when somebody was faster. */
  create(bytes: Uint8Array): Promise<boolean>
  replace(bytes: Uint8Array): Promise<void>
}
