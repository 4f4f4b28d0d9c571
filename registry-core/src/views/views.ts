import type { Mirror, Mirrors } from '../mirror/mirrors.js'
import type { MirroredName } from '../mirror/mirrored-name.js'
import { RegistryError } from '../oci/failure.js'
import type { RepositoryName } from '../oci/repository.js'
import type { LocalRepository, Registry, Source } from '../registry/source.js'
import type { Origins } from '../store/fetched.js'
import type { Links } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import { type Catalog, catalogOf, filtered } from './catalog.js'
import { type Collision, Collisions } from './collisions.js'
import { Locals } from './locals.js'
import { type LocalLayers, localNames, openOverlay } from './overlay.js'
import { matches, type OverlaySettings } from './overlay-settings.js'
import { findPlace, type ListenerView, type Place, type PlaceHeaders } from './place.js'
import { Residents } from './residents.js'
import { firstPart, nameIn, withoutHost } from './upstream-names.js'
import { whenKnown } from '../system/when-known.js'

/** What a name means to this request. */
export interface View {
  readonly pull: Source
  readonly push: LocalRepository | undefined
  /** Why it takes none. */
  readonly refusal: () => RegistryError
  /** The word of `X-Entrepot-Origin` where nothing was found. */
  readonly origin: string
  /** What whoever pushes here should know. */
  readonly pushWarning: (() => string | undefined) | undefined
  /** The upstream that the client named by `ns`, as it named it. */
  readonly namespace: string | undefined
  /** Whoever may do something to one of these may do it: by the name that was asked for, and by the one in the store. */
  readonly rightsOn: readonly RepositoryName[]
}

/** What decides what a name means. */
export interface Asked {
  readonly place: Place
  readonly namespace: string | undefined
  readonly repository: RepositoryName
  /** The address of whoever asks. */
  readonly client: string
  /** The caller's right to another name than the one that was asked for. */
  readonly mayPull: (repository: RepositoryName) => boolean
  /** The same by its own account, not only because anybody may. */
  readonly mayPullItself: (repository: RepositoryName) => boolean
}

/** Decides once for a request what a repository's name means. Nothing further in reads a header or a host. */
export interface Views {
  /** Which view a request has come to. @throws RegistryError `header-malformed` for one that is not served */
  place(listener: ListenerView, headers: PlaceHeaders): Place
  /** @throws RegistryError `namespace-unknown` for an unknown `ns`, `name-invalid` for a name that is too long with its host */
  open(asked: Asked): View | Promise<View>
  /** What `_catalog` lists there, of which the caller may know. */
  catalog(place: Place, rights: Pick<Asked, 'mayPullItself'>): Catalog
  /** Names that a local repository and the default upstream both have. */
  collisions(): Promise<readonly Collision[]>
}

export interface ViewsOptions {
  readonly registry: Registry
  readonly links: Links
  readonly origins: Origins
  readonly clock: Clock
  readonly mirrors: Mirrors
  /** Asked for each request: both may change while we run. */
  readonly overlay: () => OverlaySettings
  readonly isReadOnly: boolean
}

/** @see Views */
export function openViews(options: ViewsOptions): Views {
  return new NamedViews(options)
}

class NamedViews implements Views {
  readonly #options: ViewsOptions
  readonly #residents: Residents
  readonly #collisions: Collisions
  readonly #locals: Locals

  constructor(options: ViewsOptions) {
    this.#options = options
    this.#locals = new Locals(options)
    this.#residents = new Residents(options)
    this.#collisions = new Collisions(options)
  }

  place(listener: ListenerView, headers: PlaceHeaders): Place {
    return findPlace(listener, headers, this.#options.mirrors)
  }

  open(asked: Asked): View | Promise<View> {
    const { place, namespace, repository } = asked
    const { mirrors } = this.#options
    if (namespace !== undefined) {
      const named = mirrors.find(namespace)
      if (named === undefined) throw new RegistryError('namespace-unknown', { namespace })
      if (this.#isBareName(asked, named)) return this.#mirror(asked)
      return this.#upstream(asked, named, withoutHost(repository, named, mirrors) ?? repository)
    }
    if (place.kind === 'upstream') {
      const named = mirrors.find(place.host)
      if (named === undefined) throw new RegistryError('namespace-unknown', { namespace: place.host })
      return this.#upstream(asked, named, repository)
    }
    const named = mirrors.isEmpty ? undefined : mirrors.find(firstPart(repository))
    const remote = named && withoutHost(repository, named, mirrors)
    if (named && remote) return this.#upstream(asked, named, remote)
    return place.kind === 'mirror' ? this.#mirror(asked) : this.#registry(asked)
  }

  catalog(place: Place, { mayPullItself }: Pick<Asked, 'mayPullItself'>): Catalog {
    const { registry, mirrors, overlay } = this.#options
    const mayKnow = (name: RepositoryName): boolean | Promise<boolean> =>
      this.#locals.mayBeListed(name, mayPullItself)
    return catalogOf(place, filtered(registry, mayKnow), mirrors, overlay)
  }

  /**
   * Newer daemons say `ns=docker.io` to what they have in `registry-mirrors`, and mean what older ones mean without it:
   * what was pushed is there for both.
   */
  #isBareName({ place, repository }: Asked, named: Mirror): boolean {
    const { mirrors } = this.#options
    const isDefault = place.kind === 'mirror' && named.host === mirrors.default?.host
    return isDefault && mirrors.find(firstPart(repository)) === undefined
  }

  collisions(): Promise<readonly Collision[]> {
    const { registry, mirrors } = this.#options
    return this.#collisions.list(registry, mirrors.default)
  }

  /** A name of an upstream, unless clients have pushed into it: then it is theirs (design §3). */
  #upstream(asked: Asked, mirror: Mirror, remote: RepositoryName): View | Promise<View> {
    const name = nameIn(mirror, remote)
    return whenKnown(this.#findResident(asked, mirror, name), (resident) =>
      this.#upstreamView(asked, mirror, name, resident),
    )
  }

  /**
   * Where clients have pushed what the name means: in the store's name for it, or in the very one that was asked for,
   * since registry:2 knew neither aliases nor that `docker.io/alpine` is `docker.io/library/alpine`.
   */
  #findResident(
    { repository, namespace, place }: Asked,
    mirror: Mirror,
    { stored }: MirroredName,
  ): RepositoryName | undefined | Promise<RepositoryName | undefined> {
    const isWhole = namespace === undefined && place.kind !== 'upstream' && !mirror.isBare
    const names = isWhole && repository !== stored ? [repository, stored] : [stored]
    return this.#residents.first(names, mirror.isBare)
  }

  #upstreamView(
    asked: Asked,
    mirror: Mirror,
    name: MirroredName,
    resident: RepositoryName | undefined,
  ): View | Promise<View> {
    const { repository, namespace } = asked
    // A right to `team/app` is none to what somebody else has pushed as `quay.io/team/app`.
    if (resident)
      return whenKnown(this.#local(asked, resident), (local) => ({
        ...local,
        namespace,
        pushWarning: undefined,
      }))
    const rightsOn = [...new Set([name.stored, repository])]
    return {
      pushWarning: undefined,
      pull: mirror.open(name, { isMember: this.#isMember(asked, mirror, name), client: asked.client }),
      push: undefined,
      refusal: () => mirrored(repository, mirror.host),
      origin: mirror.host,
      namespace,
      rightsOn,
    }
  }

  /** A right to a name of this registry opens nothing that an upstream's account alone may see (`expose`). */
  #isMember({ repository, mayPullItself }: Asked, mirror: Mirror, { stored }: MirroredName): boolean {
    const isNamed = withoutHost(repository, mirror, this.#options.mirrors) !== undefined
    return mayPullItself(stored) || (isNamed && mayPullItself(repository))
  }

  #local(asked: Asked, repository: RepositoryName): View | Promise<View> {
    return whenKnown(this.#locals.open(repository, asked.mayPullItself), ({ pull, isWhole }) => ({
      pull,
      ...(isWhole
        ? { push: this.#pushTo(repository), refusal: readOnly }
        : { push: undefined, refusal: () => denied(repository) }),
      origin: 'local',
      namespace: undefined,
      rightsOn: [repository],
      pushWarning: () => this.#collisions.warningFor(repository, this.#options.mirrors.default),
    }))
  }

  #pushTo(repository: RepositoryName): LocalRepository | undefined {
    const { registry, isReadOnly } = this.#options
    return isReadOnly ? undefined : registry.repository(repository)
  }

  /** What nobody has pushed here comes from the default upstream only for names that `overlay.onRegistry` lists. */
  #registry(asked: Asked): View | Promise<View> {
    const { repository, client, mayPull, mayPullItself } = asked
    const { mirrors, links, overlay } = this.#options
    const { default: mirror } = mirrors
    const local = this.#local(asked, repository)
    const name = mirror?.name(repository)
    if (!mirror || !name || !matches(overlay().onRegistry, repository) || !mayPull(name.stored)) return local
    const isTheirs = !links.hasRepository(repository) || this.#residents.isFetched(repository)
    const isMember = mayPullItself(name.stored)
    const pull = (): Source => mirror.open(name, { isMember, client })
    return whenKnown(isTheirs, (isMirrored) =>
      isMirrored ? whenKnown(local, (view) => ({ ...view, pull: pull(), origin: mirror.host })) : local,
    )
  }

  /** A bare name on the mirror view: local repositories that show through, then the default upstream (design §3). */
  #mirror(asked: Asked): View | Promise<View> {
    const { links, overlay } = this.#options
    const names = localNames(asked.repository, overlay())
    const here = names.filter((name) => links.hasRepository(name) && asked.mayPull(name))
    const judged = here.map((name) => this.#showsThrough(name))
    const shown = (found: readonly boolean[]): View | Promise<View> => {
      const local = here.filter((_, at) => found[at])
      return local.length > 0 ? this.#overlay(asked, local) : this.#layers(asked, [], this.#unnoted(here))
    }
    return judged.every((one) => typeof one === 'boolean')
      ? shown(judged)
      : Promise.all(judged.map(async (one) => one)).then(shown)
  }

  /** Without hosts in the store's names, what is here may be a mirror's; with them, what a mirror without them has left. */
  #showsThrough(name: RepositoryName): boolean | Promise<boolean> {
    if (this.#options.mirrors.default?.isBare === true) return this.#residents.isLocal(name, true)
    return whenKnown(this.#residents.isFetched(name), (isFetched) => !isFetched)
  }

  #overlay(asked: Asked, here: readonly RepositoryName[]): View | Promise<View> {
    const [first = asked.repository] = here
    const opened = this.#locals.open(first, asked.mayPullItself)
    return whenKnown(opened, ({ pull }) => this.#layers(asked, here, { local: pull }))
  }

  /** What registry:2 has left without a note, where names have no host: what was pushed, or another upstream's. */
  #unnoted([name]: readonly RepositoryName[]): LocalLayers {
    const isBare = this.#options.mirrors.default?.isBare === true
    return { unnoted: isBare && name ? this.#locals.unnoted(name) : undefined }
  }

  #layers(asked: Asked, here: readonly RepositoryName[], sources: LocalLayers): View {
    const { repository, namespace, client, mayPull, mayPullItself } = asked
    const { mirrors } = this.#options
    const { localOnly, fallThrough, prefer } = this.#options.overlay()
    const mirror = mirrors.default
    const name = matches(localOnly, repository) ? undefined : mirror?.name(repository)
    const mayAsk = name !== undefined && (mayPull(name.stored) || mayPull(repository))
    // By its bare name people mean the default upstream's here.
    const isMember = name !== undefined && (mayPullItself(name.stored) || mayPullItself(repository))
    const upstream = mayAsk ? mirror?.open(name, { isMember, client }) : undefined
    const [local] = here
    const isTaken = local && this.#collisions.find(local, repository, mirror)?.served === 'upstream'
    const answers = prefer === 'upstream' ? 'upstream-first' : isTaken && upstream ? 'upstream' : 'local'
    return {
      pull: openOverlay({ ...sources, upstream, answers, isShared: matches(fallThrough, repository) }),
      pushWarning: undefined,
      push: undefined,
      refusal: () => mirrored(repository, mirror?.host),
      namespace,
      origin: (answers === 'local' && local) || !mirror ? 'local' : mirror.host,
      rightsOn: [...here, repository, ...(name ? [name.stored] : [])],
    }
  }
}

const PUSH_TO = 'the address of the registry, under a name that begins with no upstream'

function readOnly(): RegistryError {
  return new RegistryError('read-only', {})
}

/** For whoever may not see all of it (ADR 13): what that is, and whose, is not said. */
function denied(name: RepositoryName): RegistryError {
  return new RegistryError('denied', { action: 'push to, nor delete from,', name })
}

/** For whoever pushes into a mirror: where it can be pushed instead. */
function mirrored(repository: RepositoryName, host = 'this address'): RegistryError {
  return new RegistryError('mirrored-read-only', { repository, host, pushTo: PUSH_TO })
}
