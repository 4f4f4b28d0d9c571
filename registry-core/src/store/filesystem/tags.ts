import type { Digest } from '../../oci/digest.js'
import type { Tag } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import type { Keys } from '../keys.js'
import type { Records, TagCondition } from '../store.js'
import type { Durable } from './durable.js'
import type { OriginReader } from './origin-file.js'
import { ignoreAbsence, meets, type TagTakes } from './tag-takes.js'

/** A reader that misses a tag which somebody is removing looks again this long: a push may publish it anew. */
const SECOND_LOOK_MS = 100
const SECOND_LOOK_EVERY_MS = 5
/** A remover can take a value before it sees that a push revoked its take; each does so once. */
const PUBLISH_ATTEMPTS = 100

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly clock: Clock
  readonly records: Records
  readonly takes: TagTakes
  readonly originReader: OriginReader
}

/** Tags, each a linearizable register (gc-protocol §5). */
export class FileTags {
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  async find(repository: RepositoryName, tag: Tag): Promise<Digest | undefined> {
    const { takes, clock } = this.#options
    const found = takes.read(repository, tag)
    if (found !== undefined || !(await takes.isAnnounced(repository, tag))) return found?.digest
    for (const endMs = clock.elapsedMs() + SECOND_LOOK_MS; clock.elapsedMs() < endMs; ) {
      await clock.sleep(SECOND_LOOK_EVERY_MS)
      const again = takes.read(repository, tag)
      if (again !== undefined) return again.digest
    }
    return undefined
  }

  /** What the tag's link holds now; undefined when it is absent or damaged. */
  read(repository: RepositoryName, tag: Tag): TagCondition | undefined {
    return this.#options.takes.read(repository, tag)
  }

  /** False when it may be pushed `once`, and stands for another digest already. */
  async publish(repository: RepositoryName, tag: Tag, digest: Digest, once: boolean): Promise<boolean> {
    const { keys, durable } = this.#options
    const link = keys.tagLink(repository, tag)
    if (once && this.#isAnother(repository, tag, digest)) return false
    await this.#removeOrigin(repository, tag)
    for (let attempt = 0; attempt < PUBLISH_ATTEMPTS; attempt += 1) {
      await this.publishIndexEntry(repository, tag, digest)
      // What is published again replaces nothing: another push may have been answered meanwhile, and is the newer one.
      if (once || attempt > 0) await this.#publishFirst(repository, tag, digest)
      else await durable.publishUnrepeated(link, Buffer.from(digest)).catch(ignoreAbsence)
      const noted = await this.#claim(repository, tag)
      // One that is pushed once must be seen to be this one; of others it is enough that no remover or mirror has them.
      const held = this.read(repository, tag)
      if (held === undefined && (once || !this.#isDamaged(repository, tag))) continue
      if (held !== undefined && held.digest !== digest) {
        if (await this.#endMirrors(repository, tag, held, noted)) continue
        if (once) return false
      }
      await this.mendIndexEntry(repository, tag, digest)
      return true
    }
    throw new Error(`the tag ${repository}:${tag} was taken away ${PUBLISH_ATTEMPTS} times`)
  }

  /**
   * From here on the tag is a client's: nobody who has read it before can change it any more, and no note says that it
   * is a mirror's. A mirror that read a note before we removed it is revoked after that, and one that wrote a note
   * meanwhile makes us repeat it. Answers what such notes named.
   */
  async #claim(repository: RepositoryName, tag: Tag): Promise<ReadonlySet<Digest>> {
    const { keys, durable, takes, originReader } = this.#options
    const origin = keys.tagOrigin(repository, tag)
    const noted = new Set<Digest>()
    do {
      const digest = originReader.read(origin)?.digest
      if (digest !== undefined) noted.add(digest)
      await this.#removeOrigin(repository, tag)
      await takes.revoke(repository, tag)
    } while (durable.fs.statNow(origin) !== undefined)
    return noted
  }

  async #removeOrigin(repository: RepositoryName, tag: Tag): Promise<void> {
    const { keys, durable } = this.#options
    const wasThere = await durable.fs.unlink(keys.tagOrigin(repository, tag))
    if (wasThere) await durable.syncFolder(keys.tagFolder(repository, tag)).catch(ignoreAbsence)
  }

  /** True when a mirror had moved the tag away from what is pushed, and that was taken away: a push is the later one. */
  async #endMirrors(
    repository: RepositoryName,
    tag: Tag,
    held: TagCondition,
    noted: ReadonlySet<Digest>,
  ): Promise<boolean> {
    if (!noted.has(held.digest) && !this.#isFetched(repository, held.digest)) return false
    await this.#options.takes.takeIf((found) => meets(found, held), repository, tag)
    return true
  }

  #isFetched(repository: RepositoryName, digest: Digest): boolean {
    return this.#options.originReader.provenance(repository, digest)?.kind === 'fetched'
  }

  /** Says nothing though it stands: not one that is taken, and another put there, while it is looked at. */
  #isDamaged(repository: RepositoryName, tag: Tag): boolean {
    const { keys, durable } = this.#options
    const link = keys.tagLink(repository, tag)
    const before = durable.fs.statNow(link)
    if (before === undefined || this.read(repository, tag) !== undefined) return false
    return durable.fs.statNow(link)?.inode === before.inode
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
    else if (held === undefined)
      await this.#options.takes.takeIf((found) => found === undefined, repository, tag)
    await this.#options.takes.syncAbsence(repository, tag) // whoever made it may have been killed before its fsync
  }

  /** Distribution's list of what a tag stood for. */
  async publishIndexEntry(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    const { keys, durable } = this.#options
    await durable.publish(keys.tagIndexLink(repository, tag, digest), Buffer.from(digest))
  }

  /** A remover that tidies may unlink the entry of a push that came meanwhile: whoever of the two looks last mends it. */
  async mendIndexEntry(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    const { keys, durable } = this.#options
    if (durable.fs.statNow(keys.tagIndexLink(repository, tag, digest)) === undefined)
      await this.publishIndexEntry(repository, tag, digest)
  }

  async take(repository: RepositoryName, tag: Tag, ifStill: TagCondition): Promise<'removed' | 'changed'> {
    const { keys, durable, records } = this.#options
    await records.add({ kind: 'take-tag', repository, tag, ...ifStill })
    const taken = await this.#options.takes.takeIf((found) => meets(found, ifStill), repository, tag)
    if (taken !== undefined) await this.#tidy(repository, tag)
    else if (durable.fs.statNow(keys.tagLink(repository, tag)) === undefined)
      await this.#options.takes.syncAbsence(repository, tag)
    return taken === 'meant' ? 'removed' : 'changed'
  }

  /** DELETE by name: a record, then a plain unlink. */
  async remove(repository: RepositoryName, tag: Tag): Promise<boolean> {
    const { keys, durable, records } = this.#options
    const link = keys.tagLink(repository, tag)
    if (durable.fs.statNow(link) === undefined) {
      await this.#options.takes.syncAbsence(repository, tag)
      return false
    }
    const held = this.read(repository, tag)
    await records.add({ kind: 'delete-tag', repository, tag, ...held })
    const wasThere = await durable.fs.unlink(link)
    await this.#options.takes.syncAbsence(repository, tag)
    await this.#tidy(repository, tag)
    return wasThere
  }

  /** @see TagTakes.syncAbsence */
  syncAbsence(repository: RepositoryName, tag: Tag): Promise<void> {
    return this.#options.takes.syncAbsence(repository, tag)
  }

  /** Only our own files, index entries and empty folders: a push that comes meanwhile makes them anew. */
  async #tidy(repository: RepositoryName, tag: Tag): Promise<void> {
    const { keys, durable, takes } = this.#options
    const { fs } = durable
    const folder = keys.tagFolder(repository, tag)
    if ((await fs.removeDirectory(`${folder}/current`)) === 'not-empty') return
    await takes.takeOrigin(repository, tag)
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
    if (pushed !== undefined) await this.mendIndexEntry(repository, tag, pushed.digest)
  }
}
