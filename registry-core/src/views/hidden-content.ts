import type { Mirrors } from '../mirror/mirrors.js'
import { findRepositoryName, type RepositoryName } from '../oci/repository.js'
import type { FetchedFrom, Origins, Provenance } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import type { Clock } from '../system/clock.js'

/** Only a mirror adds to it, and its names are local to nobody while its upstream is configured. */
const KNOWN_FOR_MS = 10_000
/** Who looked through a large repository does so again after this many times the time that it took. */
const KNOWN_FOR_TIMES = 100
const KNOWN_LIMIT = 10_000

/** The caller's right by its own account to a name of the store. */
export type MayPullItself = (repository: RepositoryName) => boolean

/**
 * What upstreams gave to our accounts there, in repositories that no upstream stands for now: one that was taken out of the
 * file, or whose names a client has pushed into. It is shown to whom its upstream's name in a right opens it (ADR 13).
 */
export class HiddenContent {
  readonly #origins: Pick<Origins, 'revisions'>
  readonly #links: Pick<Links, 'hasRepository'>
  readonly #clock: Clock
  readonly #mirrors: Mirrors
  /** Those that look through a repository now: others wait for them. */
  readonly #finding = new Map<RepositoryName, Promise<readonly string[]>>()
  readonly #known = new Map<RepositoryName, { readonly hosts: readonly string[]; readonly untilMs: number }>()

  constructor(options: {
    readonly origins: Pick<Origins, 'revisions'>
    readonly links: Pick<Links, 'hasRepository'>
    readonly clock: Clock
    readonly mirrors: Mirrors
  }) {
    this.#origins = options.origins
    this.#links = options.links
    this.#clock = options.clock
    this.#mirrors = options.mirrors
  }

  /** The upstream whose content in it the caller may not see; undefined: all of it is for this caller. */
  hostHiddenFrom(
    repository: RepositoryName,
    mayPullItself: MayPullItself,
  ): string | undefined | Promise<string | undefined> {
    const hidden = (hosts: readonly string[]): string | undefined =>
      hosts.find((host) => !this.#isOpen(repository, host, mayPullItself))
    const known = this.#known.get(repository)
    if (known !== undefined && this.#clock.elapsedMs() < known.untilMs) return hidden(known.hosts)
    return this.#links.hasRepository(repository) ? this.#find(repository).then(hidden) : undefined
  }

  /** Whether the caller may see what came from there into the repository. */
  sees(repository: RepositoryName, provenance: Provenance, mayPullItself: MayPullItself): boolean {
    return !isPrivate(provenance) || this.#isOpen(repository, provenance.from.host, mayPullItself)
  }

  /** Whether the caller may know of it; the first revision that it may see is enough. */
  async mayBeListed(repository: RepositoryName, mayPullItself: MayPullItself): Promise<boolean> {
    let isEmpty = true
    for await (const { provenance } of this.#origins.revisions(repository)) {
      if (this.sees(repository, provenance, mayPullItself)) return true
      isEmpty = false
    }
    return isEmpty
  }

  #find(repository: RepositoryName): Promise<readonly string[]> {
    const running = this.#finding.get(repository)
    if (running !== undefined) return running
    const finding = this.#look(repository).finally(() => this.#finding.delete(repository))
    this.#finding.set(repository, finding)
    return finding
  }

  async #look(repository: RepositoryName): Promise<readonly string[]> {
    const startedMs = this.#clock.elapsedMs()
    const hosts = new Set<string>()
    for await (const { provenance } of this.#origins.revisions(repository))
      if (isPrivate(provenance)) hosts.add(provenance.from.host)
    const nowMs = this.#clock.elapsedMs()
    const untilMs = nowMs + Math.max(KNOWN_FOR_MS, (nowMs - startedMs) * KNOWN_FOR_TIMES)
    if (this.#known.size >= KNOWN_LIMIT) this.#known.clear()
    this.#known.set(repository, { hosts: [...hosts], untilMs })
    return [...hosts]
  }

  /** Under the upstream's name, also where a mirror without hosts before its names has left it (`proxy.remoteurl`). */
  #isOpen(repository: RepositoryName, host: string, mayPullItself: MayPullItself): boolean {
    const named = repository.startsWith(`${host}/`) ? repository : findRepositoryName(`${host}/${repository}`)
    if (named === undefined) return false
    const mirror = this.#mirrors.find(host)
    const isMember = mayPullItself(named)
    return mirror?.mayBeListed(mirror.isBare ? repository : named, isMember) ?? isMember
  }
}

function isPrivate(provenance: Provenance): provenance is PrivateProvenance {
  return provenance.kind === 'fetched' && provenance.from.isPublic !== true
}

type PrivateProvenance = { readonly kind: 'fetched'; readonly from: FetchedFrom; readonly at: Date }
