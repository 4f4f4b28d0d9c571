import { dirname } from 'node:path'
import type { Digest } from '../../oci/digest.js'
import type { Tag } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import type { FetchedFrom, MirroredTag } from '../fetched.js'
import { errorCode, type FileStat } from '../fs.js'
import type { Keys } from '../keys.js'
import type { Durable } from './durable.js'
import type { LinkReader } from './link-file.js'
import { originBytes, type OriginNote, type OriginReader } from './origin-file.js'
import type { TagTakes } from './tag-takes.js'
import type { FileTags } from './tags.js'

/** Others may come between this often, each once. */
const ATTEMPTS = 100

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly clock: Clock
  readonly tags: FileTags
  readonly takes: TagTakes
  readonly linkReader: LinkReader
  readonly originReader: OriginReader
}

interface Link {
  readonly stat: FileStat
  /** Undefined when it is damaged. */
  readonly digest: Digest | undefined
}

/** A tag at one moment. */
interface Seen {
  readonly link: Link | undefined
  readonly note: OriginNote | undefined
}

/** Where a tag is to stand, and where that was learnt. */
interface Move {
  readonly repository: RepositoryName
  readonly tag: Tag
  readonly digest: Digest
  readonly from: FetchedFrom
}

/**
 * Tags that a mirror writes. Two files say it, the link and the note `upstream`, and a client may push the same tag in
 * another process: so the mirror announces its move as a remover does (tag-takes.ts), with both files in the
 * announcement, revokes other mirrors' (their note would come between its note and its link), reads the tag, and renames
 * the note and then the link out of it. A push that has come meanwhile has emptied the announcement, and stays; one that
 * comes later finds note and link, and ends both (tags.ts). Between the two renames the note names both values, so that a
 * crash there leaves a tag that is still the mirror's.
 */
export class FetchedTags {
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  async find(repository: RepositoryName, tag: Tag): Promise<MirroredTag | undefined> {
    const { link, note } = await this.#find(repository, tag)
    if (link?.digest === undefined || note === undefined || !counts(note, link)) return undefined
    const { host, etag, atMs } = note
    return note.digest === link.digest
      ? { host, etag, digest: link.digest, checkedAt: new Date(atMs) }
      : // A crash came before the link: that the upstream has moved on is known, so this one was never checked.
        { host, etag: undefined, digest: link.digest, checkedAt: undefined }
  }

  /** A tag that somebody moves just now may be missing for a moment. */
  async #find(repository: RepositoryName, tag: Tag): Promise<Seen> {
    const seen = this.#look(repository, tag)
    if (seen.link?.digest !== undefined) return seen
    return (await this.#options.tags.find(repository, tag)) === undefined ? seen : this.#look(repository, tag)
  }

  async noteChecked(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    const { keys, durable, clock } = this.#options
    const { link, note } = this.#look(repository, tag)
    if (link?.digest !== digest || note?.digest !== digest || !counts(note, link)) return
    const now = clock.now()
    if (now.getTime() > note.atMs) durable.fs.touchNow(keys.tagOrigin(repository, tag), now)
  }

  /** False when a client's tag stands there. */
  async publish(repository: RepositoryName, tag: Tag, digest: Digest, from: FetchedFrom): Promise<boolean> {
    const move = { repository, tag, digest, from }
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const before = this.#look(repository, tag)
      if (!isMovable(before)) return false
      if (!(await this.#move(move, before))) continue
      await this.#options.takes.revoke(repository, tag)
      const after = this.#look(repository, tag)
      if (after.link === undefined) continue // a remover has taken it
      await this.#options.tags.mendIndexEntry(repository, tag, digest)
      // Without its note it is a client's: a push of the very digest has claimed what it found there.
      return isMovable(after)
    }
    throw new Error(`the tag ${repository}:${tag} changed ${ATTEMPTS} times while it was fetched`)
  }

  /** False when somebody came between: look again. */
  async #move(move: Move, before: Seen): Promise<boolean> {
    const { keys, durable, takes, tags } = this.#options
    const { repository, tag, digest } = move
    await tags.publishIndexEntry(repository, tag, digest)
    const link = keys.tagLink(repository, tag)
    await durable.makeMark(keys.fetchedMark(repository))
    await durable.makeFolder(dirname(link))
    const announcement = await this.#announce(move, before)
    try {
      await takes.revoke(repository, tag, announcement)
      const now = this.#look(repository, tag)
      if (!isSame(before.link?.stat, now.link?.stat) || !isMovable(now)) return false
      await durable.fs.rename(`${announcement}/upstream`, keys.tagOrigin(repository, tag))
      await durable.syncFolder(keys.tagFolder(repository, tag))
      if (before.link !== undefined) await durable.fs.rename(`${announcement}/next`, link)
      else if ((await durable.fs.link(`${announcement}/next`, link)) === 'exists') return false
      await durable.syncFolder(dirname(link))
      return true
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      return false // revoked, or the folder was tidied away
    } finally {
      await takes.withdraw(announcement)
    }
  }

  /**
   * One time for both files: no note may be older than its link. Later than the link that stands there, also when the
   * clock was set back: a file's time tells it from those before it (settled-files.ts).
   */
  #announce({ repository, tag, digest, from }: Move, { link }: Seen): Promise<string> {
    const previous = link?.digest === digest ? undefined : link?.digest
    const time = new Date(
      Math.max(this.#options.clock.now().getTime(), Math.floor(link?.stat.mtimeMs ?? 0) + 1),
    )
    const note = originBytes(from, { digest, previous })
    return this.#options.takes.announceMove(repository, tag, { digest, note, time })
  }

  /** Link and note as they were at one moment: the link is the same before and after the note was read. */
  #look(repository: RepositoryName, tag: Tag): Seen {
    const { keys, originReader } = this.#options
    for (let attempt = 1; ; attempt += 1) {
      const link = this.#readLink(repository, tag)
      const note = originReader.read(keys.tagOrigin(repository, tag))
      const after = this.#readLink(repository, tag)
      if (isSame(link?.stat, after?.stat) || attempt === ATTEMPTS) return { link: after, note }
    }
  }

  #readLink(repository: RepositoryName, tag: Tag): Link | undefined {
    const { keys, durable, linkReader } = this.#options
    const path = keys.tagLink(repository, tag)
    const stat = durable.fs.statNow(path)
    return stat && { stat, digest: linkReader.read(path, stat) }
  }
}

/** A mirror's: nothing is there, or a note that counts says so. */
function isMovable({ link, note }: Seen): boolean {
  if (link === undefined) return true
  return note !== undefined && (link.digest === undefined || counts(note, link))
}

/** gc-protocol §2: a note of another digest, or older than its link, says nothing. */
function counts(note: OriginNote, { stat, digest }: Link): boolean {
  if (note.atMs < stat.mtimeMs || digest === undefined) return false
  return note.digest === digest || note.previous === digest
}

function isSame(one: FileStat | undefined, other: FileStat | undefined): boolean {
  return one?.inode === other?.inode && one?.mtimeMs === other?.mtimeMs
}
