import type { NotificationSettings } from '../notifications/settings.js'
import { headerPairs } from './header-pairs.js'
import type { ParsedFile } from './schema.js'

/** Distribution's defaults, also for 0 and less. */
const TIMEOUT_MS = 1000
const THRESHOLD = 10
const BACKOFF_MS = 1000

/** The endpoints that are sent something. */
export function toNotifications({ notifications }: ParsedFile): NotificationSettings {
  const times = new Map<string, number>()
  const endpoints = notifications.endpoints.flatMap((endpoint) => {
    const { url, disabled, headers, ignore } = endpoint
    if (disabled || url === undefined) return []
    const name = endpoint.name ?? new URL(url).host
    const nth = times.get(name) ?? 0
    times.set(name, nth + 1)
    return [
      {
        ...{ name, nth, url },
        headers: headerPairs(headers),
        timeoutMs: endpoint.timeout || TIMEOUT_MS,
        threshold: endpoint.threshold > 0 ? endpoint.threshold : THRESHOLD,
        backoffMs: endpoint.backoff || BACKOFF_MS,
        ignoredMediaTypes: [...endpoint.ignoredmediatypes, ...ignore.mediatypes],
        ignoredActions: ignore.actions,
      },
    ]
  })
  return { includeReferences: notifications.events.includereferences, endpoints }
}
