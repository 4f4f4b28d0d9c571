import type { UrlRules } from '../config/settings.js'
import type { RepositoryName } from '../oci/repository.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import { namedContent } from '../oci/named-content.js'
import type { JournalEvent } from '../store/journal-entry.js'
import type { Store } from '../store/store.js'
import { LastPulls } from './last-pull.js'
import { ManifestCache } from './manifest-cache.js'
import { Reach } from './reach.js'
import { StoredRepository } from './repository.js'
import type { EventWishes, PulledContent, Registry } from './source.js'

const NO_WISHES: EventWishes = { pulls: () => false, references: () => false }

/** The repositories of a store. */
export function openRegistry({
  store,
  clock,
  log,
  manifestUrls,
  wishes = NO_WISHES,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly manifestUrls?: UrlRules | undefined
  readonly wishes?: EventWishes
}): Registry {
  const manifests = new ManifestCache()
  const reach = new Reach({ content: store.content, manifests })
  const lastPulls = new LastPulls({ links: store.links, clock, log })
  const parts = { store, reach, manifests, lastPulls, manifestUrls, wishes }
  return {
    repository: (name: RepositoryName) => new StoredRepository(name, parts),
    async catalog({ limit, last }) {
      const found = await store.links.repositories(last, limit + 1)
      return { repositories: found.slice(0, limit), more: found.length > limit }
    },
    notePull(pulled, actor) {
      if (wishes.pulls()) store.journal.append(eventOf(pulled, wishes), actor())
    },
    close: () => lastPulls.close(),
  }
}

function eventOf(pulled: PulledContent, wishes: EventWishes): JournalEvent {
  const { kind, repository } = pulled
  if (kind === 'blob') {
    const { digest, sizeBytes } = pulled
    return { kind: 'blob-pulled', repository, digest, sizeBytes }
  }
  const { digest, mediaType, bytes } = pulled.manifest
  const references = wishes.references() ? namedContent(bytes) : undefined
  return {
    ...{ kind: 'manifest-pulled', repository, digest, mediaType, sizeBytes: bytes.length },
    ...(pulled.tag !== undefined && { tag: pulled.tag }),
    ...(references && { references }),
  }
}
