/**
 * How far a reader (16 hex digits) has come in each part of the journal, kept over crashes. A bookmark belongs to one
 * process; that of a process that has ended is there for the taking.
 */
export interface Bookmarks {
  /** Says from now on, until `close`, that this process lives; others that have not may lose their bookmarks. */
  appear(): Promise<void>
  /** What the reader has left to do in parts whose keepers have ended; ours from now on. */
  adopt(reader: string): Promise<readonly { readonly part: string; readonly text: string }[]>
  /** Synced. False when another process has taken it over meanwhile; never for our own part. */
  keep(reader: string, part: string, text: string): Promise<boolean>
  /** There is nothing left to read. */
  drop(reader: string, part: string): Promise<void>
}
