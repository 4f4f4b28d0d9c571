/** What ADR 13 and design §3 promise of one repository below an upstream's host, from their words alone. */

/** `either`: nothing is promised, as of what a note may or may not call public. */
export type Verdict = 'yes' | 'no' | 'either'

/**
 * How a revision came: by a push, or fetched, with a note that says `isPublic`, or does not; `unsure`: nobody can say which.
 * `pushed too`: after it had been fetched, which is seen within ten minutes by what judges the repository as a whole.
 */
export type Origin = 'pushed' | 'pushed too' | 'public' | 'private' | 'unsure'

/** How an upstream stands in the file. */
export interface InFile {
  readonly hasAccount: boolean
  readonly expose: 'accounts' | 'all' | 'public'
}

/** A repository, and what is in the file for its upstream; undefined when nothing is. */
export interface Held {
  readonly inFile: InFile | undefined
  /** Strangers may pull it from the upstream. */
  readonly isPublicThere: boolean
  /** By revision: all that may lie here. */
  readonly origins: ReadonlyMap<number, Origin>
  /** Which blobs a revision names. */
  readonly named: (revision: number) => readonly string[]
}

/** Whoever asks. */
export interface Caller {
  /** Their account has a right to pull what the upstream's name names. */
  readonly isMember: boolean
}

/** The name is the upstream's: it is in the file, and no client has pushed there (design §3). */
export function isUpstreams({ inFile, origins }: Held): Verdict {
  const all = [...origins.values()]
  if (inFile === undefined || all.includes('pushed')) return 'no'
  return all.includes('pushed too') ? 'either' : 'yes'
}

/** "An upstream that is in the file decides for what it gave"; else it is for accounts with a right to its name. */
function opensPrivate({ inFile }: Pick<Held, 'inFile'>, { isMember }: Caller): boolean {
  if (inFile === undefined) return isMember
  return inFile.expose === 'all' || (inFile.expose === 'accounts' && isMember)
}

/** "Each revision is judged by its own note", unless the name is the upstream's. */
export function seesRevision(held: Held, caller: Caller, revision: number): Verdict {
  const origin = held.origins.get(revision) ?? 'unsure'
  return judged(held, caller, origin === 'pushed too' ? 'yes' : byNote(held, caller, origin))
}

/** "Blobs that no revision names which they may see" do not exist; without any revision all are the members'. */
export function seesBlob(held: Held, caller: Caller, blob: string): Verdict {
  return judged(held, caller, seesBlobHere(held, caller, blob))
}

function seesBlobHere(held: Held, caller: Caller, blob: string): Verdict {
  const all = [...held.origins]
  const naming = all.filter(([revision]) => held.named(revision).includes(blob))
  const seen = naming.map(([, origin]) => (origin === 'pushed too' ? 'yes' : byNote(held, caller, origin)))
  if (seen.includes('yes')) return 'yes'
  if (seen.includes('either')) return 'either'
  if (all.length === 0) return caller.isMember ? 'yes' : 'no'
  return all.some(([, origin]) => byNote(held, caller, origin) === 'no') ? 'no' : 'either'
}

/** Where the name is the upstream's it decides, whatever the notes here say. */
function judged(held: Held, caller: Caller, here: Verdict): Verdict {
  const there = held.isPublicThere || opensPrivate(held, caller) ? 'yes' : 'no'
  const isTheirs = isUpstreams(held)
  if (isTheirs === 'yes') return there
  return isTheirs === 'no' || here === there ? here : 'either'
}

function byNote(held: Held, caller: Caller, origin: Origin): Verdict {
  if (origin === 'pushed' || origin === 'public' || opensPrivate(held, caller)) return 'yes'
  return origin === 'private' ? 'no' : 'either'
}

/** "For lists nobody is asked": the notes decide, and where one calls nothing public, what the upstream said last. */
export function isListed(held: Held, caller: Caller): Verdict {
  const seen = [...held.origins.values()].map((origin) => byNote(held, caller, origin))
  if (seen.includes('yes')) return 'yes'
  if (seen.includes('either')) return 'either'
  if (held.origins.size > 0) return 'no'
  const mayHaveSaid = held.inFile !== undefined && held.isPublicThere
  return mayHaveSaid || opensPrivate(held, caller) ? 'either' : 'no'
}

/** "Whoever may not see it pushes and deletes nothing in its repository." @param hasRight their rights allow it */
export function mayChange(held: Held, caller: Caller, hasRight: boolean): Verdict {
  const isTheirs = isUpstreams(held)
  if (isTheirs === 'yes' || !hasRight) return 'no'
  const seen = [...held.origins.values()].map((origin) => byNote(held, caller, origin))
  if (seen.includes('no')) return 'no'
  return isTheirs === 'either' || seen.includes('either') ? 'either' : 'yes'
}

/** What the note says of a revision that the upstream gives now. */
export function noteOf({ inFile, isPublicThere }: Held, caller: Caller): Origin {
  if (!isPublicThere) return 'private'
  // An account is served without asking whether strangers would be too.
  return inFile?.hasAccount === true && opensPrivate({ inFile }, caller) ? 'unsure' : 'public'
}
