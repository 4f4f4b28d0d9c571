import type { Mirror } from '../mirror/mirrors.js'
import { findRepositoryName, type RepositoryName } from '../oci/repository.js'
import type { Origins } from '../store/fetched.js'
import type { Catalog } from './catalog.js'
import { bareName } from './overlay.js'
import { matches, type OverlaySettings } from './overlay-settings.js'

/** A bare name that is here, and that the default upstream has given too. */
export interface Collision {
  readonly local: RepositoryName
  /** As it lies in the store: `docker.io/library/redis`. */
  readonly mirrored: RepositoryName
  /** Whom clients of a mirror get: the one that was there first, unless `overlay.override` or `prefer` say otherwise. */
  readonly served: 'local' | 'upstream'
}

/** So many names of the upstream are looked at for a list. */
const LISTED_LIMIT = 10_000

/** Who answers for a name that both have (design §3): a push takes over no name that was served from upstream before. */
export class Collisions {
  readonly #origins: Pick<Origins, 'bornAt'>
  readonly #overlay: () => OverlaySettings

  constructor(options: {
    readonly origins: Pick<Origins, 'bornAt'>
    readonly overlay: () => OverlaySettings
  }) {
    this.#origins = options.origins
    this.#overlay = options.overlay
  }

  /** @param local that is here @param asked the name that clients of the mirror use for it */
  find(local: RepositoryName, asked: RepositoryName, mirror: Mirror | undefined): Collision | undefined {
    const { override, prefer, localOnly } = this.#overlay()
    const name = mirror?.isBare === true ? undefined : mirror?.name(asked)
    const mirrored = name && !matches(localOnly, name.remote) ? name.stored : undefined
    const servedSince = mirrored && this.#origins.bornAt(mirrored)
    if (mirrored === undefined || servedSince === undefined) return undefined
    const pushedSince = this.#origins.bornAt(local)
    const isLater = pushedSince === undefined || pushedSince > servedSince
    const isOverridden = matches(override, local)
    const isLocal = prefer === 'local' && (!isLater || isOverridden)
    return { local, mirrored, served: isLocal ? 'local' : 'upstream' }
  }

  /** The sentence of a push that clients of a mirror will not see. */
  warningFor(local: RepositoryName, mirror: Mirror | undefined): string | undefined {
    const found = this.find(local, local, mirror)
    if (found?.served !== 'upstream') return undefined
    const served = `mirrors have served ${local} from ${mirror?.host}`
    return this.#overlay().prefer === 'upstream'
      ? `${served} and go on with it, since overlay.prefer is upstream: name ${mirror?.name(local)?.remote} in overlay.localOnly to serve this push`
      : `${served} before and go on with it: name ${local} in overlay.override to serve this push`
  }

  /** Every name of the default upstream that is here under its bare name too. */
  async list(catalog: Catalog, mirror: Mirror | undefined): Promise<readonly Collision[]> {
    if (mirror === undefined || mirror.isBare) return []
    const { repositories } = await catalog.catalog({ limit: LISTED_LIMIT, last: mirror.host })
    return repositories.flatMap((mirrored) => {
      const asked = mirrored.startsWith(`${mirror.host}/`)
        ? findRepositoryName(mirrored.slice(mirror.host.length + 1))
        : undefined
      const names = asked === undefined ? [] : [asked, bareName(asked)].filter((name) => name !== undefined)
      return names.flatMap((local) => {
        const found = asked && this.#origins.bornAt(local) && this.find(local, asked, mirror)
        return found ? [found] : []
      })
    })
  }
}
