import type { RepositoryName } from '../oci/repository.js'
import type { Links } from '../store/store.js'
import type { Mirrors } from '../mirror/mirrors.js'
import { whenKnown } from '../system/when-known.js'
import type { Collisions } from './collisions.js'
import type { Locals } from './locals.js'
import { type LocalLayers, localNames, openOverlay } from './overlay.js'
import { matches, type OverlaySettings } from './overlay-settings.js'
import { mirrored } from './refusals.js'
import type { Residents } from './residents.js'
import type { Asked, View } from './view.js'

interface Options {
  readonly links: Pick<Links, 'hasRepository'>
  readonly mirrors: Mirrors
  readonly overlay: () => OverlaySettings
  readonly locals: Locals
  readonly residents: Residents
  readonly collisions: Collisions
}

/** What names without a host mean on the mirror view. */
export class MirrorView {
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  /** A bare name on the mirror view: local repositories that show through, then the default upstream (design §3). */
  open(asked: Asked): View | Promise<View> {
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
    if (this.#options.mirrors.default?.isBare === true) return this.#options.residents.isLocal(name, true)
    return whenKnown(this.#options.residents.isFetched(name), (isFetched) => !isFetched)
  }

  #overlay(asked: Asked, here: readonly RepositoryName[]): View | Promise<View> {
    const [first = asked.repository] = here
    const opened = this.#options.locals.open(first, asked.mayPullItself)
    return whenKnown(opened, ({ pull }) => this.#layers(asked, here, { local: pull }))
  }

  /** What registry:2 has left without a note, where names have no host: what was pushed, or another upstream's. */
  #unnoted([name]: readonly RepositoryName[]): LocalLayers {
    const isBare = this.#options.mirrors.default?.isBare === true
    return { unnoted: isBare && name ? this.#options.locals.unnoted(name) : undefined }
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
    const isTaken = local && this.#options.collisions.find(local, repository, mirror)?.served === 'upstream'
    const answers = prefer === 'upstream' ? 'upstream-first' : isTaken && upstream ? 'upstream' : 'local'
    return {
      pull: openOverlay({ ...sources, upstream, answers, isShared: matches(fallThrough, repository) }),
      pushWarning: undefined,
      push: undefined,
      hidesLayers: false,
      refusal: () => mirrored(repository, mirror?.host),
      namespace,
      origin: (answers === 'local' && local) || !mirror ? 'local' : mirror.host,
      rightsOn: [...here, repository, ...(name ? [name.stored] : [])],
    }
  }
}
