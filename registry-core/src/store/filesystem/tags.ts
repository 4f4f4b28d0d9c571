import type { Digest } from '../../oci/digest.js'
import type { Tag } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import type { Identity } from '../../system/identity.js'
import { errorCode } from '../fs.js'
import type { Keys } from '../keys.js'
import type { Records, TagCondition } from '../store.js'
import type { Durable } from './durable.js'
import type { LinkReader } from './link-file.js'

/** A reader that misses a tag which somebody is removing looks again this long: a push may publish it anew. */
const SECOND_LOOK_MS = 100
const SECOND_LOOK_EVERY_MS = 5
/** A remover can take a value before it sees that a push revoked its take; each does so once. */
const PUBLISH_ATTEMPTS = 100

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly clock: Clock
  readonly identity: Identity
  readonly records: Records
  readonly linkReader: LinkReader
}

/** Tags, each a linearizable register (gc-protocol §5). */
export class FileTags {
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  async find(repository: RepositoryName, tag: Tag): Promise<Digest | undefined> {
    const found = this.read(repository, tag)
    if (found !== undefined || !(await this.#isBeingTaken(repository, tag))) return found?.digest
    const { clock } = this.#options
    for (const endMs = clock.elapsedMs() + SECOND_LOOK_MS; clock.elapsedMs() < endMs; ) {
      await clock.sleep(SECOND_LOOK_EVERY_MS)
      const again = this.read(repository, tag)
      if (again !== undefined) return again.digest
    }
    return undefined
  }

  /** What the tag's link holds now; undefined when it is absent or damaged. */
  read(repository: RepositoryName, tag: Tag): TagCondition | undefined {
    return this.#readAt(this.#options.keys.tagLink(repository, tag))
  }

  #readAt(path: string): TagCondition | undefined {
    const stat = this.#options.durable.fs.statNow(path)
    const digest = stat && this.#options.linkReader.read(path, stat)
    return stat && digest && { digest, linkedAtMs: stat.mtimeMs }
  }

  /** False when it may be pushed `once`, and stands for another digest already. */
  async publish(repository: RepositoryName, tag: Tag, digest: Digest, once: boolean): Promise<boolean> {
    const { keys, durable } = this.#options
    const link = keys.tagLink(repository, tag)
    if (once && this.#isAnother(repository, tag, digest)) return false
    await durable.fs.unlink(`${keys.tagFolder(repository, tag)}/upstream`)
    for (let attempt = 0; attempt < PUBLISH_ATTEMPTS; attempt += 1) {
      await this.#publishIndexEntry(repository, tag, digest)
      // What is published again replaces nothing: another push may have been answered meanwhile, and is the newer one.
      if (once || attempt > 0) await this.#publishFirst(repository, tag, digest)
      else await durable.publishUnrepeated(link, Buffer.from(digest)).catch(ignoreAbsence)
      await this.#revokeTakes(repository, tag)
      // One that is pushed once must be seen to be this one; of others it is enough that no remover has them.
      const held = once ? this.read(repository, tag)?.digest : durable.fs.statNow(link) && digest
      if (held === undefined) continue
      if (held !== digest) return false
      await this.#mendIndexEntry(repository, tag, digest)
      return true
    }
    throw new Error(`the tag ${repository}:${tag} was taken away ${PUBLISH_ATTEMPTS} times`)
  }

  #isAnother(repository: RepositoryName, tag: Tag, digest: Digest): boolean {
    const held = this.read(repository, tag)
    return held !== undefined && held.digest !== digest
  }

  /**
   * By a name that never replaces: of two pushes at once, in whichever processes, one is first. One that stands for the
   * digest already gets a new time instead, so that a remover that has read it takes it on a false condition, if at all.
   */
  async #publishFirst(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    const { keys, durable, clock } = this.#options
    const link = keys.tagLink(repository, tag)
    if (await durable.publishNew(link, Buffer.from(digest))) return
    const held = this.read(repository, tag)
    if (held?.digest === digest) durable.fs.touchNow(link, clock.now())
    // A link that says nothing is damage, and a push heals it: the next attempt, since this one replaces nothing.
    else if (held === undefined) await this.#takeIf((found) => found === undefined, repository, tag)
    await this.syncAbsence(repository, tag) // whoever made it may have been killed before its fsync
  }

  async #publishIndexEntry(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    const { keys, durable } = this.#options
    await durable.publish(keys.tagIndexLink(repository, tag, digest), Buffer.from(digest))
  }

  /** A remover that tidies may unlink the entry of a push that came meanwhile: whoever of the two looks last mends it. */
  async #mendIndexEntry(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    const { keys, durable } = this.#options
    if (durable.fs.statNow(keys.tagIndexLink(repository, tag, digest)) === undefined)
      await this.#publishIndexEntry(repository, tag, digest)
  }

  /** Removes every announcement of a remover: it may have read an older value, and gets ENOENT now. */
  async #revokeTakes(repository: RepositoryName, tag: Tag): Promise<void> {
    for (const path of await this.#takesOf(repository, tag))
      await this.#options.durable.fs.removeDirectory(path)
  }

  async #isBeingTaken(repository: RepositoryName, tag: Tag): Promise<boolean> {
    return (await this.#takesOf(repository, tag)).length > 0
  }

  async #takesOf(repository: RepositoryName, tag: Tag): Promise<readonly string[]> {
    const { keys, durable } = this.#options
    const { folder, key } = keys.takes(repository, tag)
    const entries = (await durable.fs.list(folder)) ?? []
    return entries.filter(({ name }) => name.startsWith(`${key}.`)).map(({ name }) => `${folder}/${name}`)
  }

  async take(repository: RepositoryName, tag: Tag, ifStill: TagCondition): Promise<'removed' | 'changed'> {
    const { keys, durable, records } = this.#options
    await records.add({ kind: 'take-tag', repository, tag, ...ifStill })
    const taken = await this.#takeIf((found) => meets(found, ifStill), repository, tag)
    if (taken !== undefined) await this.#tidy(repository, tag)
    else if (durable.fs.statNow(keys.tagLink(repository, tag)) === undefined)
      await this.syncAbsence(repository, tag)
    return taken === 'meant' ? 'removed' : 'changed'
  }

  /** A push that was answered before it began is read, one that is answered later has revoked it: neither is taken. */
  async #takeIf(
    isMeant: (found: TagCondition | undefined) => boolean,
    repository: RepositoryName,
    tag: Tag,
  ): Promise<'meant' | 'another' | undefined> {
    const { keys, durable, identity } = this.#options
    const { folder, key } = keys.takes(repository, tag)
    const own = `${folder}/${key}.${identity.newRunId()}`
    await durable.fs.makeDirectory(own)
    try {
      return await this.#takeInto(own, repository, tag, isMeant)
    } finally {
      // As long as the folder stands, everybody who misses the tag waits for it.
      await this.#discard(`${own}/link`)
      await durable.fs.removeDirectory(own)
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

  /** DELETE by name: a record, then a plain unlink. */
  async remove(repository: RepositoryName, tag: Tag): Promise<boolean> {
    const { keys, durable, records } = this.#options
    const link = keys.tagLink(repository, tag)
    if (durable.fs.statNow(link) === undefined) {
      await this.syncAbsence(repository, tag)
      return false
    }
    const held = this.read(repository, tag)
    await records.add({ kind: 'delete-tag', repository, tag, ...held })
    const wasThere = await durable.fs.unlink(link)
    await this.syncAbsence(repository, tag)
    await this.#tidy(repository, tag)
    return wasThere
  }

  /** Whoever unlinked the tag may have been killed before its fsync: a power cut must not bring it back after the answer. */
  async syncAbsence(repository: RepositoryName, tag: Tag): Promise<void> {
    const { keys, durable } = this.#options
    await durable.syncFolder(`${keys.tagFolder(repository, tag)}/current`).catch(ignoreAbsence)
  }

  /** Only our own files, index entries and empty folders: a push that comes meanwhile makes them anew. */
  async #tidy(repository: RepositoryName, tag: Tag): Promise<void> {
    const { keys, durable } = this.#options
    const { fs } = durable
    const folder = keys.tagFolder(repository, tag)
    if ((await fs.removeDirectory(`${folder}/current`)) === 'not-empty') return
    await fs.unlink(`${folder}/upstream`)
    for (const { name: algorithm } of (await fs.list(`${folder}/index`)) ?? []) {
      for (const { name: hex } of (await fs.list(`${folder}/index/${algorithm}`)) ?? []) {
        await fs.unlink(`${folder}/index/${algorithm}/${hex}/link`)
        await fs.removeDirectory(`${folder}/index/${algorithm}/${hex}`)
      }
      await fs.removeDirectory(`${folder}/index/${algorithm}`)
    }
    await fs.removeDirectory(`${folder}/index`)
    await fs.removeDirectory(folder)
    const pushed = this.read(repository, tag)
    if (pushed !== undefined) await this.#mendIndexEntry(repository, tag, pushed.digest)
  }
}

function meets(found: TagCondition | undefined, condition: TagCondition): boolean {
  return found?.digest === condition.digest && found.linkedAtMs === condition.linkedAtMs
}

function ignoreAbsence(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error
}
