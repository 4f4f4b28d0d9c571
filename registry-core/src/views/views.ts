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
import { MirrorView } from './mirror-view.js'
import { matches, type OverlaySettings } from './overlay-settings.js'
import { findPlace, type ListenerView, type Place, type PlaceHeaders } from './place.js'
import { denied, mirrored, readOnly } from './refusals.js'
import { Residents } from './residents.js'
import { firstPart, nameIn, withoutHost } from './upstream-names.js'
import type { Asked, View } from './view.js'
import { whenKnown } from '../system/when-known.js'

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
  const locals = new Locals(options)
  const residents = new Residents(options)
  const collisions = new Collisions(options)
  const mirrorView = new MirrorView({ ...options, locals, residents, collisions })
  return new NamedViews({ ...options, locals, residents, collisions, mirrorView })
}

interface Parts extends ViewsOptions {
  readonly locals: Locals
  readonly residents: Residents
  readonly collisions: Collisions
  readonly mirrorView: MirrorView
}

class NamedViews implements Views {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  place(listener: ListenerView, headers: PlaceHeaders): Place {
    return findPlace(listener, headers, this.#parts.mirrors)
  }

  open(asked: Asked): View | Promise<View> {
    const { place, namespace, repository } = asked
    const { mirrors } = this.#parts
    if (namespace !== undefined) {
      const named = mirrors.find(namespace)
      if (named === undefined) throw new RegistryError('namespace-unknown', { namespace })
      if (this.#isBareName(asked, named)) return this.#parts.mirrorView.open(asked)
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
    return place.kind === 'mirror' ? this.#parts.mirrorView.open(asked) : this.#registry(asked)
  }

  catalog(place: Place, { mayPullItself }: Pick<Asked, 'mayPullItself'>): Catalog {
    const { registry, mirrors, overlay } = this.#parts
    const mayKnow = (name: RepositoryName): boolean | Promise<boolean> =>
      this.#parts.locals.mayBeListed(name, mayPullItself)
    return catalogOf(place, filtered(registry, mayKnow), mirrors, overlay)
  }

  /**
   * Newer daemons say `ns=docker.io` to what they have in `registry-mirrors`, and mean what older ones mean without it:
   * what was pushed is there for both.
   */
  #isBareName({ place, repository }: Asked, named: Mirror): boolean {
    const { mirrors } = this.#parts
    const isDefault = place.kind === 'mirror' && named.host === mirrors.default?.host
    return isDefault && mirrors.find(firstPart(repository)) === undefined
  }

  collisions(): Promise<readonly Collision[]> {
    const { registry, mirrors } = this.#parts
    return this.#parts.collisions.list(registry, mirrors.default)
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
    return this.#parts.residents.first(names, mirror.isBare)
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
      hidesLayers: false,
      refusal: () => mirrored(repository, mirror.host),
      origin: mirror.host,
      namespace,
      rightsOn,
    }
  }

  /** A right to a name of this registry opens nothing that an upstream's account alone may see (`expose`). */
  #isMember({ repository, mayPullItself }: Asked, mirror: Mirror, { stored }: MirroredName): boolean {
    const isNamed = withoutHost(repository, mirror, this.#parts.mirrors) !== undefined
    return mayPullItself(stored) || (isNamed && mayPullItself(repository))
  }

  #local(asked: Asked, repository: RepositoryName): View | Promise<View> {
    return whenKnown(this.#parts.locals.open(repository, asked.mayPullItself), ({ pull, hidden }) => {
      // Whoever may push begins a repository where no revision is: its own layers look like those of an upstream.
      const isDenied = hidden === 'revisions'
      return {
        pull,
        push: isDenied ? undefined : this.#pushTo(repository),
        hidesLayers: hidden === 'layers',
        refusal: isDenied ? () => denied(repository) : readOnly,
        origin: 'local',
        pushWarning: () => this.#parts.collisions.warningFor(repository, this.#parts.mirrors.default),
        namespace: undefined,
        rightsOn: [repository],
      }
    })
  }

  #pushTo(repository: RepositoryName): LocalRepository | undefined {
    const { registry, isReadOnly } = this.#parts
    return isReadOnly ? undefined : registry.repository(repository)
  }

  /** What nobody has pushed here comes from the default upstream only for names that `overlay.onRegistry` lists. */
  #registry(asked: Asked): View | Promise<View> {
    const { repository, client, mayPull, mayPullItself } = asked
    const { mirrors, links, overlay } = this.#parts
    const { default: mirror } = mirrors
    const local = this.#local(asked, repository)
    const name = mirror?.name(repository)
    if (!mirror || !name || !matches(overlay().onRegistry, repository) || !mayPull(name.stored)) return local
    const isTheirs = !links.hasRepository(repository) || this.#parts.residents.isFetched(repository)
    const isMember = mayPullItself(name.stored)
    const pull = (): Source => mirror.open(name, { isMember, client })
    return whenKnown(isTheirs, (isMirrored) =>
      isMirrored ? whenKnown(local, (view) => ({ ...view, pull: pull(), origin: mirror.host })) : local,
    )
  }
}
