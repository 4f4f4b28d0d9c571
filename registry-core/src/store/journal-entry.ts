import type { Digest } from '../oci/digest.js'
import type { NamedContent } from '../oci/named-content.js'
import type { Tag } from '../oci/reference.js'
import type { RepositoryName } from '../oci/repository.js'

/** What happened to content, for inventory, notifications and last-pull copies. */
export type JournalEvent =
  | {
      /** Pulls are written only while somebody wants to hear of them. */
      readonly kind: 'manifest-pushed' | 'manifest-pulled' | 'manifest-deleted'
      readonly repository: RepositoryName
      readonly digest: Digest
      readonly tag?: Tag
      readonly mediaType?: string
      readonly sizeBytes?: number
      /** What it names, where somebody wants to hear of it. */
      readonly references?: readonly NamedContent[]
    }
  | { readonly kind: 'tag-deleted'; readonly repository: RepositoryName; readonly tag: Tag }
  | {
      readonly kind: 'blob-pushed' | 'blob-pulled' | 'blob-mounted' | 'blob-deleted'
      readonly repository: RepositoryName
      readonly digest: Digest
      readonly sizeBytes?: number
      readonly from?: RepositoryName
    }
  /** The disk did not take so many entries: a reader rebuilds from the store, and goes on behind it. */
  | { readonly kind: 'entries-lost'; readonly count: number }

/** Who did it: what Distribution's notification envelope asks for. */
export interface JournalActor {
  readonly requestId: string
  /** With its port where that is known: `127.0.0.1:40123`. */
  readonly remoteAddress: string
  readonly method: string
  readonly userAgent: string
  readonly account: string
  /** Where the client reached us, as it wrote it: `http://registry:5000`; empty when nobody asked. */
  readonly origin: string
}

export interface JournalEntry {
  /** Counts what its process has appended, from 1; 0 for what says that entries were lost. */
  readonly number: number
  readonly time: string
  readonly event: JournalEvent
  readonly actor: JournalActor
}

/** A piece of one process's part of the journal. */
export interface JournalPortion {
  readonly entries: readonly JournalEntry[]
  /** Behind the last of them. */
  readonly position: string | undefined
  /** What the position named is not kept any more: entries may be missing before these. */
  readonly isLost: boolean
}
