import { createHash } from 'node:crypto'
import type { EventWishes } from '../registry/source.js'
import type { Store } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import type { NotificationMetrics } from '../system/notification-metrics.js'
import { Delivery } from './delivery.js'
import { Places } from './places.js'
import type { Post } from './post.js'
import type { EndpointSettings, NotificationSettings } from './settings.js'

export interface NotificationsOptions {
  readonly settings: NotificationSettings
  readonly store: Pick<Store, 'journal' | 'bookmarks'>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: NotificationMetrics
  readonly openPost: (endpoint: EndpointSettings, clock: Clock) => Post
  /** This box and its port, as Distribution names the source. */
  readonly address: string
  /** `http.host`, as it is now. */
  readonly externalUrl: () => string | undefined
}

/** Tells others what happens to content (ADR 6). */
export interface Notifications {
  /** What the journal must hold for our sake. */
  readonly wishes: EventWishes
  /** Endpoints that stay go on where they stood; new ones hear of what happens from now on. */
  replace(settings: NotificationSettings): Promise<void>
  /** Sends what is there, for `graceMs` at most; the next process sends the rest. */
  stop(graceMs: number): Promise<void>
}

interface Open {
  readonly endpoint: EndpointSettings
  readonly includeReferences: boolean
  readonly places: Places
  readonly delivery: Delivery
}

export async function openNotifications(options: NotificationsOptions): Promise<Notifications> {
  let { settings } = options
  const opened = new Map<string, Open>()
  const replace = async (wanted: NotificationSettings): Promise<void> => {
    settings = wanted
    await exchange(opened, wanted, options)
  }
  await replace(settings)
  return {
    wishes: {
      pulls: () => settings.endpoints.some(({ ignoredActions }) => !ignoredActions.includes('pull')),
      references: () => settings.includeReferences && settings.endpoints.length > 0,
    },
    replace,
    async stop(graceMs) {
      await options.store.journal.flush()
      await Promise.all(
        [...opened.values()].map(async ({ delivery, places }) => {
          await delivery.stop(graceMs)
          await places.leave()
        }),
      )
    },
  }
}

/** Each endpoint is exchanged by itself: what is wrong with one leaves those before it as they are wanted. */
async function exchange(
  opened: Map<string, Open>,
  { endpoints, includeReferences }: NotificationSettings,
  options: NotificationsOptions,
): Promise<void> {
  for (const endpoint of endpoints) {
    const key = keyOf(endpoint)
    const known = opened.get(key)
    const isSame =
      known?.includeReferences === includeReferences &&
      JSON.stringify(known.endpoint) === JSON.stringify(endpoint)
    if (isSame) continue
    const post = options.openPost(endpoint, options.clock)
    await known?.delivery.cut()
    const places = known?.places ?? (await newPlaces(endpoint, options))
    opened.set(key, start(endpoint, { ...options, places, post, includeReferences }))
  }
  const wanted = new Set(endpoints.map(keyOf))
  for (const [key, { delivery, places, endpoint }] of opened)
    if (!wanted.has(key)) {
      await delivery.cut()
      await places.abandon()
      options.metrics.forget(endpoint.name)
      opened.delete(key)
    }
}

/** Two endpoints may have one name. */
function keyOf({ name, nth }: EndpointSettings): string {
  return `${nth} ${name}`
}

async function newPlaces(
  endpoint: EndpointSettings,
  { store, clock, log }: NotificationsOptions,
): Promise<Places> {
  const { journal, bookmarks } = store
  const reader = createHash('sha256').update(keyOf(endpoint)).digest('hex').slice(0, 16)
  await journal.flush()
  const places = new Places({ reader, journal, bookmarks, clock, log }, journal.lastNumber)
  await places.begin()
  await places.adopt()
  return places
}

function start(
  endpoint: EndpointSettings,
  {
    places,
    post,
    includeReferences,
    ...options
  }: NotificationsOptions & {
    readonly places: Places
    readonly post: Post
    readonly includeReferences: boolean
  },
): Open {
  const { store, clock, log, metrics, address, externalUrl } = options
  const { name } = endpoint
  const counters = metrics.endpoint(name)
  metrics.watchPending(name, () => places.pending)
  const delivery = new Delivery({
    ...{ endpoint, places, post, journal: store.journal, clock, log, counters },
    sender: () => ({ address, includeReferences, externalUrl: externalUrl() }),
  })
  return { endpoint, includeReferences, places, delivery }
}
