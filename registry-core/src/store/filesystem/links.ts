import { dirname } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Digest } from '../../oci/digest.js'
import { findTag, type Tag } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import type { FileStat } from '../fs.js'
import type { Keys } from '../keys.js'
import type { Linkage, Links, Records, StoreObject, TagCondition } from '../store.js'
import { listRepositories } from './catalog.js'
import type { Durable } from './durable.js'
import { firstAfter, type Listings } from './listing.js'
import type { ReferrersIndex } from './referrers-index.js'
import type { FileTags } from './tags.js'

/** Synchronous calls in a row before others get their turn. */
const CALLS_A_TURN = 500
const LINKED_FOR_MS = 10_000

interface LinkedTags {
  readonly linked: readonly Tag[]
  readonly unlinked: readonly Tag[]
  readonly atMs: number
}
const NOTHING = new Uint8Array()

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly clock: Clock
  readonly listings: Listings
  readonly tags: FileTags
  readonly referrersIndex: ReferrersIndex
  readonly records: Records
}

/** Which repository holds what, on a file system. */
export class FileLinks implements Links {
  readonly #options: Options
  /** Of listings that are kept (listing.ts), which tags had a link. */
  readonly #linked = new WeakMap<readonly string[], LinkedTags>()

  constructor(options: Options) {
    this.#options = options
  }

  hasRepository(repository: RepositoryName): boolean {
    const { keys, durable } = this.#options
    const folder = keys.repository(repository)
    return (
      durable.fs.statNow(`${folder}/_layers`) !== undefined ||
      durable.fs.statNow(`${folder}/_manifests`) !== undefined
    )
  }

  repositories(last: string | undefined, limit: number): Promise<readonly RepositoryName[]> {
    return listRepositories({ ...this.#options, fs: this.#options.durable.fs }, last, limit)
  }

  findTag(repository: RepositoryName, tag: Tag): Promise<Digest | undefined> {
    return this.#options.tags.find(repository, tag)
  }

  async tags(
    repository: RepositoryName,
    last: string | undefined,
    limit: number,
  ): Promise<{ readonly tags: readonly Tag[]; readonly more: boolean } | undefined> {
    if (!this.hasRepository(repository)) return undefined
    const { keys, listings } = this.#options
    const names = (await listings.folders(keys.tags(repository))) ?? []
    const from = firstAfter(names, last)
    // One tag more than asked for says whether a page follows.
    const tags =
      names.length - from > CALLS_A_TURN && limit > CALLS_A_TURN
        ? afterLast(await this.#allLinked(repository, names), last).slice(0, limit + 1)
        : this.#linkedAmong(repository, names, from, limit + 1)
    return { tags: tags.slice(0, limit), more: tags.length > limit }
  }

  /** A tag's folder without a link is a tag that was deleted, or is not there yet. */
  #linkedAmong(repository: RepositoryName, names: readonly string[], from: number, limit: number): Tag[] {
    const tags: Tag[] = []
    for (let index = from; index < names.length && tags.length < limit; index += 1) {
      const tag = findTag(names[index] ?? '')
      if (tag !== undefined && this.#isLinked(repository, tag)) tags.push(tag)
    }
    return tags
  }

  /**
   * Every tag of a long listing. Which of its folders have a link is kept beside it: one that is linked later was
   * unlinked when we looked, and those are looked at each time; one whose link goes loses its folder too, which makes
   * a new listing. Only a remover that was killed in between leaves neither, hence the limit in time.
   */
  async #allLinked(repository: RepositoryName, names: readonly string[]): Promise<readonly Tag[]> {
    const nowMs = this.#options.clock.elapsedMs()
    const known = this.#linked.get(names)
    const isFresh =
      known !== undefined &&
      nowMs - known.atMs < LINKED_FOR_MS &&
      !known.unlinked.some((tag) => this.#isLinked(repository, tag))
    if (isFresh) return known.linked
    const linked: Tag[] = []
    const unlinked: Tag[] = []
    for (const [index, name] of names.entries()) {
      if (index % CALLS_A_TURN === CALLS_A_TURN - 1) await nextTurn()
      const tag = findTag(name)
      if (tag) (this.#isLinked(repository, tag) ? linked : unlinked).push(tag)
    }
    this.#linked.set(names, { linked, unlinked, atMs: nowMs })
    return linked
  }

  #isLinked(repository: RepositoryName, tag: Tag): boolean {
    return this.#options.durable.fs.statNow(this.#options.keys.tagLink(repository, tag)) !== undefined
  }

  async tagsOf(repository: RepositoryName, digest: Digest): Promise<readonly Tag[]> {
    return (await this.#tagsOn(repository, digest)).held
  }

  /** The tags that stand for the digest, and the folders of tags that stand for nothing. */
  async #tagsOn(
    repository: RepositoryName,
    digest: Digest,
  ): Promise<{ readonly held: readonly Tag[]; readonly absent: readonly Tag[] }> {
    const { keys, listings, tags } = this.#options
    const names = (await listings.folders(keys.tags(repository))) ?? []
    const held: Tag[] = []
    const absent: Tag[] = []
    for (const [index, name] of names.entries()) {
      if (index % CALLS_A_TURN === CALLS_A_TURN - 1) await nextTurn()
      const tag = findTag(name)
      const found = tag && tags.read(repository, tag)
      if (tag === undefined) continue
      if (found === undefined) absent.push(tag)
      else if (found.digest === digest) held.push(tag)
    }
    return { held, absent }
  }

  async publishLayer(
    repository: RepositoryName,
    digest: Digest,
    dataDigest: Digest,
    once?: Promise<void>,
  ): Promise<void> {
    const path = this.#options.keys.link('layer', repository, digest)
    await this.#options.durable.publish(path, Buffer.from(dataDigest), undefined, once)
  }

  async publishRevision(repository: RepositoryName, digest: Digest): Promise<void> {
    const { keys, durable, clock } = this.#options
    // Distribution's walk knows a repository by this folder; without it its collector deletes live images.
    await durable.makeFolder(`${keys.repository(repository)}/_layers`)
    const link = keys.link('revision', repository, digest)
    const pushed = `${keys.linkFolder('revision', repository, digest)}/pushed`
    const time = clock.now()
    // Both with a synced time: were `pushed` older than its link after a power cut, registry:2 would seem to write here.
    await durable.publish(pushed, NOTHING, time)
    await durable.publish(link, Buffer.from(digest), time)
    // Another pusher, or a remover that tidies, may have come between: the file must not be older than the link.
    const linkedAtMs = durable.fs.statNow(link)?.mtimeMs ?? 0
    if ((durable.fs.statNow(pushed)?.mtimeMs ?? 0) < linkedAtMs)
      await durable.publish(pushed, NOTHING, clock.now())
  }

  isPushed(repository: RepositoryName, digest: Digest): boolean {
    const { keys, durable } = this.#options
    const folder = keys.linkFolder('revision', repository, digest)
    const pushed = durable.fs.statNow(`${folder}/pushed`)
    const link = durable.fs.statNow(`${folder}/link`)
    return pushed !== undefined && pushed.mtimeMs >= (link?.mtimeMs ?? 0)
  }

  publishTag(repository: RepositoryName, tag: Tag, digest: Digest, once = false): Promise<boolean> {
    return this.#options.tags.publish(repository, tag, digest, once)
  }

  takeTag(repository: RepositoryName, tag: Tag, ifStill: TagCondition): Promise<'removed' | 'changed'> {
    return this.#options.tags.take(repository, tag, ifStill)
  }

  removeTag(repository: RepositoryName, tag: Tag): Promise<boolean> {
    return this.#options.tags.remove(repository, tag)
  }

  /** Its tags first, each only if it still stands for this digest: a push that moves one meanwhile keeps it. */
  async removeRevision(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const { tags } = this.#options
    const { held, absent } = await this.#tagsOn(repository, digest)
    for (const tag of absent) await tags.syncAbsence(repository, tag)
    for (const tag of held) {
      const now = tags.read(repository, tag)
      if (now?.digest === digest) await tags.take(repository, tag, now)
    }
    return this.#removeLink('revision', repository, digest)
  }

  removeLayer(repository: RepositoryName, digest: Digest): Promise<boolean> {
    return this.#removeLink('layer', repository, digest)
  }

  /** Explicit DELETE (gc-protocol §4): a record, names in trash, the link, names in trash again. Data is never touched. */
  async #removeLink(linkage: Linkage, repository: RepositoryName, digest: Digest): Promise<boolean> {
    const { keys, durable, records } = this.#options
    const { fs } = durable
    const object: StoreObject = { kind: linkage, repository, digest }
    const link = keys.place(object)
    const folder = keys.linkFolder(linkage, repository, digest)
    const found = await this.#findLink(object)
    if (found === undefined) {
      await this.#syncRemoval(object)
      return false
    }
    const ours = linkage === 'revision' ? ['pushed', 'upstream', 'pulled'] : []
    const times = Object.fromEntries(
      ours.map((name) => [`${name}AtMs`, fs.statNow(`${folder}/${name}`)?.mtimeMs]),
    )
    await records.add({ kind: `delete-${linkage}`, repository, digest, linkAtMs: found.mtimeMs, ...times })
    const wasInTrash = await this.#removeTrashNames(object)
    const wasInPlace = await fs.unlink(link)
    const wasCondemned = await this.#removeTrashNames(object)
    await this.#syncRemoval(object)
    if (fs.statNow(link) === undefined) for (const name of ours) await fs.unlink(`${folder}/${name}`)
    await fs.removeDirectory(folder)
    return wasInTrash || wasInPlace || wasCondemned
  }

  /** In place, in trash, or in place again: a reader may rescue it while we look (it would rescue what we leave). */
  async #findLink(object: StoreObject): Promise<FileStat | undefined> {
    const { keys, durable } = this.#options
    const { fs } = durable
    const inPlace = fs.statNow(keys.place(object))
    if (inPlace !== undefined) return inPlace
    for (const name of await this.#trashNames(object)) {
      const inTrash = fs.statNow(name)
      if (inTrash !== undefined) return inTrash
    }
    return fs.statNow(keys.place(object))
  }

  /** Another DELETE may have removed the link's folder, or been killed before its fsync. */
  async #syncRemoval(object: StoreObject): Promise<void> {
    const { keys, durable } = this.#options
    const folders = [dirname(keys.place(object)), keys.trash(object).folder]
    await Promise.all(folders.map((folder) => durable.syncRemoval(folder)))
  }

  async #trashNames(object: StoreObject): Promise<readonly string[]> {
    const { keys, durable } = this.#options
    const { folder, hex } = keys.trash(object)
    const entries = (await durable.fs.list(folder)) ?? []
    return entries.filter(({ name }) => name.startsWith(`${hex}.`)).map(({ name }) => `${folder}/${name}`)
  }

  /** False when there was none. */
  async #removeTrashNames(object: StoreObject): Promise<boolean> {
    let wasThere = false
    for (const name of await this.#trashNames(object))
      if (await this.#options.durable.fs.unlink(name)) wasThere = true
    return wasThere
  }

  async touchPull(repository: RepositoryName, digest: Digest, time: Date): Promise<void> {
    const { keys, durable } = this.#options
    if (durable.fs.statNow(keys.link('revision', repository, digest)) === undefined) return
    durable.makeEmpty(`${keys.linkFolder('revision', repository, digest)}/pulled`, time)
  }

  addReferrer(
    repository: RepositoryName,
    subject: Digest,
    referrer: Digest,
    descriptor: Uint8Array,
  ): Promise<void> {
    return this.#options.referrersIndex.add(repository, subject, referrer, descriptor)
  }

  hasReferrer(repository: RepositoryName, subject: Digest, referrer: Digest): boolean {
    return this.#options.referrersIndex.has(repository, subject, referrer)
  }

  removeReferrer(repository: RepositoryName, subject: Digest, referrer: Digest): Promise<void> {
    return this.#options.referrersIndex.remove(repository, subject, referrer)
  }

  referrers(
    repository: RepositoryName,
    subject: Digest,
    last: string | undefined,
  ): ReturnType<Links['referrers']> {
    return this.#options.referrersIndex.list(repository, subject, last)
  }
}

function afterLast(tags: readonly Tag[], last: string | undefined): readonly Tag[] {
  return last === undefined ? tags : tags.slice(firstAfter(tags, last))
}
