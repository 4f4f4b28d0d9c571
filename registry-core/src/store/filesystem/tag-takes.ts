import { errorCode } from '../fs.js'
import type { Digest } from '../../oci/digest.js'
import type { Tag } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Identity } from '../../system/identity.js'
import type { Keys } from '../keys.js'
import type { TagCondition } from '../store.js'
import type { Durable } from './durable.js'
import type { LinkReader } from './link-file.js'

/** What lies in the folder of a mirror's announcement until it is moved to its place. */
const ANNOUNCED = ['next', 'upstream'] as const

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly identity: Identity
  readonly linkReader: LinkReader
}

/**
 * Whoever removes a tag, or moves a mirror's, announces it first by a folder `takes/<xx>/<key>.<runId>`, and only then
 * reads the tag. What it does afterwards is a rename into or out of that folder, and a push that takes the folder away
 * has revoked it (gc-protocol §5).
 */
export class TagTakes {
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  async isAnnounced(repository: RepositoryName, tag: Tag): Promise<boolean> {
    return (await this.#of(repository, tag)).length > 0
  }

  /** What a tag's link holds now; undefined when it is absent or damaged. */
  read(repository: RepositoryName, tag: Tag): TagCondition | undefined {
    return this.#readAt(this.#options.keys.tagLink(repository, tag))
  }

  #readAt(path: string): TagCondition | undefined {
    const stat = this.#options.durable.fs.statNow(path)
    const digest = stat && this.#options.linkReader.read(path, stat)
    return stat && digest && { digest, linkedAtMs: stat.mtimeMs }
  }

  /**
   * Removes every announcement, but one's own: whoever made it may have read an older value, and gets ENOENT now. Who
   * announces something that needs two files does it before reading: of two at once the later one sees the other.
   */
  async revoke(repository: RepositoryName, tag: Tag, own?: string): Promise<void> {
    for (const path of await this.#of(repository, tag)) if (path !== own) await this.withdraw(path)
  }

  /** A folder into which a remover has taken something stays, with that in it. */
  async withdraw(announcement: string): Promise<void> {
    const { fs } = this.#options.durable
    for (const name of ANNOUNCED) await fs.unlink(`${announcement}/${name}`)
    await fs.removeDirectory(announcement)
  }

  async #of(repository: RepositoryName, tag: Tag): Promise<readonly string[]> {
    const { keys, durable } = this.#options
    const { folder, key } = keys.takes(repository, tag)
    const entries = (await durable.fs.list(folder)) ?? []
    return entries.filter(({ name }) => name.startsWith(`${key}.`)).map(({ name }) => `${folder}/${name}`)
  }

  #newName(repository: RepositoryName, tag: Tag): string {
    const { folder, key } = this.#options.keys.takes(repository, tag)
    return `${folder}/${key}.${this.#options.identity.newRunId()}`
  }

  /**
   * Announces a move: the folder comes with both of its files at once, the tag's next link and the note of its upstream,
   * each with this time; nothing is put into it afterwards. Answers its name.
   */
  async announceMove(
    repository: RepositoryName,
    tag: Tag,
    { digest, note, time }: { readonly digest: Digest; readonly note: Uint8Array; readonly time: Date },
  ): Promise<string> {
    const { durable } = this.#options
    const announcement = this.#newName(repository, tag)
    const folder = durable.temporaryName()
    await durable.fs.makeDirectory(folder)
    try {
      const [next, upstream] = await Promise.all([
        durable.writeTemporary(Buffer.from(digest), time),
        durable.writeTemporary(note, time),
      ])
      await durable.fs.rename(next, `${folder}/next`)
      await durable.fs.rename(upstream, `${folder}/upstream`)
      await durable.fs.rename(folder, announcement)
    } catch (error) {
      await this.withdraw(folder).catch(() => undefined) // the first failure is the one to report
      throw error
    }
    return announcement
  }

  /**
   * Takes the tag's link away if it is what is meant: a push that was answered before this began is read, one that is
   * answered later has revoked it. Undefined when nothing was taken; `another`: what was taken no answered push has made.
   */
  async takeIf(
    isMeant: (found: TagCondition | undefined) => boolean,
    repository: RepositoryName,
    tag: Tag,
  ): Promise<'meant' | 'another' | undefined> {
    const { durable } = this.#options
    const own = this.#newName(repository, tag)
    await durable.fs.makeDirectory(own)
    try {
      return await this.#takeInto(own, repository, tag, isMeant)
    } finally {
      // As long as the folder stands, everybody who misses the tag waits for it.
      await this.#discard(`${own}/link`)
      await durable.fs.removeDirectory(own)
    }
  }

  /**
   * Removes the note of a tag that is gone. A mirror may be writing both anew: so this is announced too, and either
   * revokes it, or sees its link, or is revoked by it.
   */
  async takeOrigin(repository: RepositoryName, tag: Tag): Promise<void> {
    const { keys, durable } = this.#options
    const origin = keys.tagOrigin(repository, tag)
    if (durable.fs.statNow(origin) === undefined) return
    const own = this.#newName(repository, tag)
    await durable.fs.makeDirectory(own)
    try {
      await this.revoke(repository, tag, own)
      if (durable.fs.statNow(keys.tagLink(repository, tag)) === undefined)
        await durable.fs.rename(origin, `${own}/upstream`).catch(ignoreAbsence)
    } finally {
      await this.withdraw(own)
    }
  }

  /** A folder where a link belongs is damage, and ends among the temporary files. */
  async #discard(taken: string): Promise<void> {
    const { durable } = this.#options
    try {
      await durable.fs.unlink(taken)
    } catch (error) {
      if (errorCode(error) !== 'EISDIR') throw error
      await durable.fs.rename(taken, durable.temporaryName())
    }
  }

  /** Undefined when nothing was taken: the tag is another one, or gone, or a push has revoked the take. */
  async #takeInto(
    own: string,
    repository: RepositoryName,
    tag: Tag,
    isMeant: (found: TagCondition | undefined) => boolean,
  ): Promise<'meant' | 'another' | undefined> {
    const { keys, durable } = this.#options
    if (!isMeant(this.read(repository, tag))) return undefined
    const taken = `${own}/link`
    try {
      await durable.fs.rename(keys.tagLink(repository, tag), taken)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      return undefined
    }
    await durable.syncFolder(own)
    await this.syncAbsence(repository, tag)
    return isMeant(this.#readAt(taken)) ? 'meant' : 'another'
  }

  /** Whoever unlinked the tag may have been killed before its fsync: a power cut must not bring it back after the answer. */
  async syncAbsence(repository: RepositoryName, tag: Tag): Promise<void> {
    const { keys, durable } = this.#options
    await durable.syncFolder(`${keys.tagFolder(repository, tag)}/current`).catch(ignoreAbsence)
  }
}

/** Lets pass what fails because a folder has vanished. */
export function ignoreAbsence(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error
}

/** Whether a tag is still what somebody has seen. */
export function meets(found: TagCondition | undefined, condition: TagCondition): boolean {
  return found?.digest === condition.digest && found.linkedAtMs === condition.linkedAtMs
}
