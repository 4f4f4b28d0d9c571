import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Digest, findDigest } from '../../oci/digest.js'
import type { Tag } from '../../oci/reference.js'
import type { RepositoryName } from '../../oci/repository.js'
import type { Clock } from '../../system/clock.js'
import type { FetchedFrom, MirroredTag, Origins, OriginSummary, Provenance } from '../fetched.js'
import type { Keys } from '../keys.js'
import type { Durable } from './durable.js'
import type { FetchedTags } from './fetched-tags.js'
import { originBytes, type OriginReader } from './origin-file.js'
import { OriginSummaries, REVISIONS_A_TURN, REVISION_FOLDERS } from './origin-summaries.js'

/** A remover that tidies, or a client's push, comes between this often. */
const ATTEMPTS = 8

interface Options {
  readonly keys: Keys
  readonly durable: Durable
  readonly clock: Clock
  readonly fetchedTags: FetchedTags
  readonly originReader: OriginReader
}

/** Who put revisions and tags here, by the files beside their links (gc-protocol §2). */
export class FileOrigins implements Origins {
  readonly #options: Options
  readonly #summaries: OriginSummaries

  constructor(options: Options) {
    this.#options = options
    this.#summaries = new OriginSummaries({
      ...options,
      wasMirrored: (repository) => this.wasMirrored(repository),
      digests: (repository) => this.#digests(repository),
      provenance: (repository, digest) => this.provenance(repository, digest),
    })
  }

  provenance(repository: RepositoryName, digest: Digest): Provenance | undefined {
    return this.#options.originReader.provenance(repository, digest)
  }

  /**
   * A link that is there stays: were it replaced, a client's `pushed` would be older than it, and say nothing any more.
   * So a note is written that is not older than the link, and a link only where there is none. The mark comes before the
   * note: who finds no mark looks for no notes. It may only go with the whole repository, when somebody removes that by hand.
   */
  async publishRevision(repository: RepositoryName, digest: Digest, from: FetchedFrom): Promise<void> {
    const { keys, durable, clock } = this.#options
    // Distribution's walk knows a repository by this folder; without it its collector deletes live images.
    await durable.makeFolder(`${keys.repository(repository)}/_layers`)
    const folder = keys.linkFolder('revision', repository, digest)
    const [link, pushed, mark] = [`${folder}/link`, `${folder}/pushed`, keys.fetchedMark(repository)]
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const linked = durable.fs.statNow(link)
      const push = durable.fs.statNow(pushed)
      if (linked !== undefined && (push?.mtimeMs ?? -1) >= linked.mtimeMs) break
      const time = new Date(Math.max(clock.now().getTime(), Math.ceil(linked?.mtimeMs ?? 0)))
      await durable.makeMark(mark)
      await durable.publish(`${folder}/upstream`, originBytes(from), time)
      if (linked === undefined) {
        // One that a client had pushed stays a client's when its link comes back.
        const linkTime = push === undefined ? time : new Date(Math.min(time.getTime(), push.mtimeMs))
        await durable.publishNew(link, Buffer.from(digest), linkTime)
      }
      if (!this.wasMirrored(repository)) continue
      const found = this.provenance(repository, digest)
      if (found?.kind === 'pushed' || (found?.kind === 'fetched' && found.from.host === from.host)) break
    }
    this.#summaries.forget(repository)
    await durable.syncFolder(folder) // whoever made the link may have been killed before its fsync
  }

  findTag(repository: RepositoryName, tag: Tag): Promise<MirroredTag | undefined> {
    return this.#options.fetchedTags.find(repository, tag)
  }

  publishTag(repository: RepositoryName, tag: Tag, digest: Digest, from: FetchedFrom): Promise<boolean> {
    return this.#options.fetchedTags.publish(repository, tag, digest, from)
  }

  noteChecked(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    return this.#options.fetchedTags.noteChecked(repository, tag, digest)
  }

  /** The folder's time: nothing but `revisions` and `tags` is ever made in it, and both stay. */
  bornAt(repository: RepositoryName): Date | undefined {
    const { keys, durable } = this.#options
    const stat = durable.fs.statNow(`${keys.repository(repository)}/_manifests`)
    return stat && new Date(stat.mtimeMs)
  }

  wasMirrored(repository: RepositoryName): boolean {
    const { keys, durable } = this.#options
    return durable.fs.statNow(keys.fetchedMark(repository)) !== undefined
  }

  summary(repository: RepositoryName): OriginSummary | Promise<OriginSummary> {
    return this.#summaries.find(repository)
  }

  async *revisions(
    repository: RepositoryName,
  ): AsyncGenerator<{ readonly digest: Digest; readonly provenance: Provenance }> {
    for (const [index, digest] of (await this.#digests(repository)).entries()) {
      if (index % REVISIONS_A_TURN === REVISIONS_A_TURN - 1) await nextTurn()
      const provenance = this.provenance(repository, digest)
      if (provenance !== undefined) yield { digest, provenance }
    }
  }

  /** The names are not kept: with those of all repositories that are pulled there would be room for no tags (listing.ts). */
  async #digests(repository: RepositoryName): Promise<readonly Digest[]> {
    const { keys, durable } = this.#options
    const found: (Digest | undefined)[] = []
    for (const algorithm of REVISION_FOLDERS)
      for (const { name } of (await durable.fs.list(`${keys.revisions(repository)}/${algorithm}`)) ?? [])
        found.push(findDigest(`${algorithm}:${name}`))
    return found.filter((digest) => digest !== undefined)
  }
}
