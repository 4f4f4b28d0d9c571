import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Mirrors } from '../mirror/mirrors.js'
import { findRepositoryName, type RepositoryName } from '../oci/repository.js'
import type { Registry } from '../registry/source.js'
import { matches, type OverlaySettings } from './overlay-settings.js'
import type { Place } from './place.js'
import { firstPart } from './upstream-names.js'

/** Lists repositories, in Distribution's order: a name before those below it. */
export type Catalog = Pick<Registry, 'catalog'>

type Page = Parameters<Registry['catalog']>[0]
type Found = Awaited<ReturnType<Registry['catalog']>>

/** Names in a row before others get their turn: what is known of each is asked for by synchronous looks. */
const NAMES_A_TURN = 100

/** Behind every name that begins with the folder's: `~` stands in none. */
const END = '~'

/** What a view lists of what the caller may know of. */
export function catalogOf(
  place: Place,
  known: Catalog,
  mirrors: Mirrors,
  overlay: () => OverlaySettings,
): Catalog {
  if (mirrors.isEmpty || mirrors.default?.isBare === true || place.kind === 'registry') return known
  if (place.kind === 'upstream') return belowHost(place.host, known)
  const { show, hide } = overlay()
  const isShown = (name: RepositoryName): boolean =>
    mirrors.find(firstPart(name)) !== undefined || (matches(show, name) && !matches(hide, name))
  return overlaid(known, { host: mirrors.default?.host, isShown })
}

/** What lies under an upstream's name, without that name: as clients of its virtual host ask for it. */
function belowHost(host: string, registry: Catalog): Catalog {
  return {
    async catalog({ limit, last }: Page): Promise<Found> {
      const found = await registry.catalog({ limit, last: last === undefined ? host : `${host}/${last}` })
      const here = found.repositories.filter((name) => name.startsWith(`${host}/`))
      const names = here.map((name) => findRepositoryName(name.slice(host.length + 1)))
      return {
        repositories: names.filter((name) => name !== undefined),
        more: found.more && here.length === found.repositories.length,
      }
    },
  }
}

/**
 * What clients of a mirror can pull, under the names that they use: local names that show through and those of the
 * default upstream bare, others with their host.
 */
function overlaid(
  registry: Catalog,
  {
    host,
    isShown,
  }: { readonly host: string | undefined; readonly isShown: (name: RepositoryName) => boolean },
): Catalog {
  const others: Catalog = { catalog: (page) => without(host, registry, page) }
  if (host === undefined) return filtered(others, isShown)
  const [local, upstream] = [filtered(others, isShown), belowHost(host, registry)]
  return {
    async catalog(page: Page): Promise<Found> {
      const [one, other] = await Promise.all([local.catalog(page), upstream.catalog(page)])
      const names = [...new Set([...one.repositories, ...other.repositories])].toSorted(inOrder)
      return {
        repositories: names.slice(0, page.limit),
        more: names.length > page.limit || one.more || other.more,
      }
    },
  }
}

/** All but what lies under the host's name, which the walk steps over. */
async function without(host: string | undefined, registry: Catalog, page: Page): Promise<Found> {
  const found = await registry.catalog(page)
  const at = host === undefined ? -1 : found.repositories.findIndex((name) => name.startsWith(`${host}/`))
  if (at < 0) return found
  const before = found.repositories.slice(0, at)
  const after = await registry.catalog({ limit: page.limit - before.length, last: `${host}/${END}` })
  return { repositories: [...before, ...after.repositories], more: after.more }
}

/** Reads on until the page is full, and one name more is found: it says that another page follows. */
export function filtered(
  catalog: Catalog,
  isShown: (name: RepositoryName) => boolean | Promise<boolean>,
): Catalog {
  return {
    async catalog({ limit, last }: Page): Promise<Found> {
      const shown: RepositoryName[] = []
      for (let from = last; ; ) {
        const found = await catalog.catalog({ limit: limit + 1, last: from })
        for (const [index, name] of found.repositories.entries()) {
          if (index % NAMES_A_TURN === NAMES_A_TURN - 1) await nextTurn()
          if (!(await isShown(name))) continue
          if (shown.length === limit) return { repositories: shown, more: true }
          shown.push(name)
        }
        from = found.repositories.at(-1)
        if (!found.more || from === undefined) return { repositories: shown, more: false }
      }
    },
  }
}

function inOrder(a: RepositoryName, b: RepositoryName): number {
  const [left, right] = [a.split('/'), b.split('/')]
  for (const [at, part] of left.entries()) {
    const other = right[at]
    if (other === undefined) return 1
    if (part !== other) return part < other ? -1 : 1
  }
  return left.length - right.length
}
