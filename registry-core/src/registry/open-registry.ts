import type { UrlRules } from '../config/settings.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { Store } from '../store/store.js'
import { LastPulls } from './last-pull.js'
import { ManifestCache } from './manifest-cache.js'
import { Reach } from './reach.js'
import { StoredRepository } from './repository.js'
import type { Registry } from './source.js'

/** The repositories of a store. */
export function openRegistry({
  store,
  clock,
  log,
  manifestUrls,
}: {
  store: Store
  clock: Clock
  log: Log
  manifestUrls?: UrlRules | undefined
}): Registry {
  const manifests = new ManifestCache()
  const reach = new Reach({ content: store.content, manifests })
  const lastPulls = new LastPulls({ links: store.links, clock, log })
  const parts = { store, reach, manifests, lastPulls, manifestUrls }
  return {
    repository: (name: RepositoryName) => new StoredRepository(name, parts),
    async catalog({ limit, last }) {
      const found = await store.links.repositories(last, limit + 1)
      return { repositories: found.slice(0, limit), more: found.length > limit }
    },
    close: () => lastPulls.close(),
  }
}
