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
  readonly publicUrl: () => string | undefined
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
  readonly includesReferences: boolean
  readonly places: Places
  readonly delivery: Delivery
}

export async function openNotifications(options: NotificationsOptions): Promise<Notifications> {
  let { settings } = options
  let opened: ReadonlyMap<string, Open> = new Map()
  const replace = async (wanted: NotificationSettings): Promise<void> => {
    settings = wanted
    opened = await exchange(opened, wanted, options)
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

async function exchange(
  before: ReadonlyMap<string, Open>,
  { endpoints, includeReferences }: NotificationSettings,
  options: NotificationsOptions,
): Promise<ReadonlyMap<string, Open>> {
  const after = new Map<string, Open>()
  for (const endpoint of endpoints) {
    const key = keyOf(endpoint)
    const known = before.get(key)
    const isSame =
      known?.includesReferences === includeReferences &&
      JSON.stringify(known.endpoint) === JSON.stringify(endpoint)
    if (known && !isSame) await known.delivery.cut()
    const places = known?.places ?? (await newPlaces(endpoint, options))
    after.set(key, known && isSame ? known : start(endpoint, { ...options, places, includeReferences }))
  }
  for (const [key, { delivery, places, endpoint }] of before)
    if (!after.has(key)) {
      await delivery.cut()
      await places.abandon()
      options.metrics.forget(endpoint.name)
    }
  return after
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
    includeReferences,
    ...options
  }: NotificationsOptions & { readonly places: Places; readonly includeReferences: boolean },
): Open {
  const { store, clock, log, metrics, openPost, address, publicUrl } = options
  const { name } = endpoint
  const counters = metrics.endpoint(name)
  metrics.watchPending(name, () => places.pending)
  const delivery = new Delivery({
    ...{ endpoint, places, journal: store.journal, clock, log, counters },
    post: openPost(endpoint, clock),
    sender: () => ({ address, includeReferences, publicUrl: publicUrl() }),
  })
  return { endpoint, includesReferences: includeReferences, places, delivery }
}
