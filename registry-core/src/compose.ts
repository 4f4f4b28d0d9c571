import { hostname } from 'node:os'
import { accessWarnings } from './access/access-settings.js'
import { type Access, openAccess } from './access/open-access.js'
import type { LiveSettings } from './config/live.js'
import type { Settings } from './config/settings.js'
import { checksOf } from './health/checks.js'
import { openHealth } from './health/health.js'
import { renewCertificates } from './housekeeping/jobs.js'
import { openHousekeeping, type OpenHousekeeping } from './housekeeping/open-housekeeping.js'
import type { Parts } from './http/context.js'
import { type Operations, type OperationsOptions, openOperations } from './http/operations.js'
import { openReporter } from './http/report.js'
import { type Edge, openEdge } from './http/server.js'
import { Strays } from './http/strays.js'
import { type Certificates, openCertificates } from './http/tls/renewal.js'
import { type Notifications, openNotifications } from './notifications/open-notifications.js'
import { type OpenMirrors, openMirrors } from './mirror/open-mirrors.js'
import { openPost } from './notifications/post.js'
import type { NotificationSettings } from './notifications/settings.js'
import { openRegistry } from './registry/open-registry.js'
import type { Registry } from './registry/source.js'
import type { OpenedStore } from './store/filesystem/open-store.js'
import { openStoreOnDisk } from './store/filesystem/start/open-on-disk.js'
import { nodeFs } from './store/node-fs.js'
import { systemClock as clock } from './system/clock.js'
import type { Log } from './system/log.js'
import type { LogSink } from './system/log-sink.js'
import { type Metrics, openMetrics } from './system/metrics.js'
import { systemRandom as random } from './system/random.js'
import { openReadiness } from './system/readiness.js'
import { openViews, type Views } from './views/views.js'

/** A registry that runs. */
export interface Running {
  /** Where clients find it. */
  readonly addresses: readonly string[]
  /** The TCP ports among them, for those who asked for any. */
  readonly ports: readonly number[]
  /** Lets running requests end, for `http.draintimeout`, and writes what is held back. */
  stop(): Promise<void>
}

/** How long the last events may take to leave; what is left the next process sends. */
const LAST_EVENTS_MS = 2000

/** From settings to running parts: each is opened by one call, and they are closed in the opposite order. */
export async function compose(
  live: LiveSettings,
  { log, sink, ...orders }: { log: Log; sink: LogSink } & Pick<OperationsOptions, 'reload' | 'check'>,
): Promise<Running> {
  const settings = live.current // what is read from here on stays until the end
  await using parts = new AsyncDisposableStack()
  sayNotices(settings, log)
  const certificates = settings.tls && openCertificates(settings.tls, clock)
  const load = { requests: 0, uploads: 0 }
  const strays = new Strays({ clock })
  const metrics = openMetrics({ load, strays, droppedLogLines: () => sink.dropped })
  const { store, root, notifications, registry, mirrors } = await openContent(live, parts, { metrics, log })
  const views = viewsOf(live, { registry, store, mirrors })
  const health = openHealth({ checks: checksOf(settings.health, { fs: nodeFs, root, clock }), log })
  const readiness = openReadiness({
    failing: () => [store.refusal(), ...health.sentences()],
    warnings: () => [...store.warnings(), ...(certificates?.warnings() ?? [])],
  })
  const housekeeping = openHousekeeping({
    ...{ store, certificates, others: health.jobs, purging: settings.uploadPurging, clock, log },
  })
  parts.defer(() => housekeeping.stop())
  const operations = await openOperations({
    ...{ listeners: settings.operations, metrics, readiness, ...orders, failing: () => health.failing() },
    status: async () => ({
      ...{ upstreams: mirrors.states(), collisions: await views.collisions() },
      ...strays.report(),
    }),
  })
  parts.defer(() => operations.stop())
  const access = openAccess(settings.access, { secret: store.secret, clock, random, log })
  applyChanges(live, { access, mirrors, housekeeping, notifications, store, certificates }, log)
  const edge = await openEdge({
    ...{ clock, random, load, log, certificates, prefix: settings.prefix },
    listeners: settings.listeners,
    failingCheck: () => health.first(),
    get headers() {
      return live.current.headers
    },
    parts: partsOf(live, {
      ...{ registry, views, access, readiness, clock, content: store.content, space: store.space },
      strays,
    }),
    ...openReporter({ metrics, log, hasAccessLog: () => live.current.log.hasAccessLog }),
  })
  parts.defer(() => edge.stop(live.current.drainMs))
  announce({ operations, edge }, [...accessWarnings(settings.access), ...readiness.warnings()], store, log)
  const running = parts.move()
  return { addresses: edge.addresses, ports: edge.ports, stop: () => running.disposeAsync() }
}

function announce(
  { operations, edge }: { readonly operations: Operations; readonly edge: Edge },
  warnings: readonly string[],
  store: OpenedStore,
  log: Log,
): void {
  for (const sentence of [...warnings, store.refusal()]) if (sentence) log.warn({}, sentence)
  for (const address of operations.addresses) log.info({}, `health and metrics on ${address}`)
  for (const address of edge.addresses) log.info({}, `listening on ${address}`)
}

/** What has content, and who tells of it. */
async function openContent(
  live: LiveSettings,
  parts: AsyncDisposableStack,
  { metrics, log }: { readonly metrics: Metrics; readonly log: Log },
) {
  const settings = live.current
  const opened = await openStoreOnDisk(settings.store, { clock, random, log })
  parts.defer(() => opened.close())
  const { store, root } = opened
  const notifications = await openNotifications({
    ...{ store, clock, log, openPost, metrics: metrics.notifications },
    settings: notificationsOf(settings, store),
    address: sourceAddress(settings),
    externalUrl: () => live.current.access.externalUrl,
  })
  parts.defer(() => notifications.stop(LAST_EVENTS_MS))
  const { wishes } = notifications
  const registry = openRegistry({ store, clock, log, wishes, manifestUrls: settings.manifestUrls })
  parts.defer(() => registry.close())
  const mirrors = openMirrors(settings.mirrors, {
    ...{ store, registry, clock, random, log, metrics: metrics.mirrors, environment: process.env },
  })
  parts.defer(() => mirrors.close())
  return { store, root, notifications, registry, mirrors }
}

/** Who hears of a file that was read anew, in this order: whoever is out by it does not stay in while others wait. */
function applyChanges(
  live: LiveSettings,
  parts: {
    readonly access: Access
    readonly mirrors: OpenMirrors
    readonly housekeeping: OpenHousekeeping
    readonly notifications: Notifications
    readonly store: OpenedStore
    readonly certificates: Certificates | undefined
  },
  log: Log,
): void {
  const { access, mirrors, housekeeping, notifications, store, certificates } = parts
  live.onChange((changed) => access.replace(changed.access))
  live.onChange((changed) => mirrors.replace(changed.mirrors))
  live.onChange((changed) => {
    sayNotices(changed, log)
    for (const sentence of accessWarnings(changed.access)) log.warn({}, sentence)
  })
  live.onChange((changed) => housekeeping.replacePurging(changed.uploadPurging))
  live.onChange((changed) => notifications.replace(notificationsOf(changed, store)))
  if (certificates) live.onReload(() => renewCertificates(certificates, log))
}

/** What happened in somebody else's store is not ours to tell. */
function notificationsOf({ notifications }: Settings, { isExpected }: OpenedStore): NotificationSettings {
  return isExpected ? notifications : { ...notifications, endpoints: [] }
}

function sayNotices({ reading }: Settings, log: Log): void {
  for (const { kind, sentence } of reading.notices)
    if (kind === 'accepted') log.info({}, sentence)
    else log.warn({}, sentence)
}

function viewsOf(
  live: LiveSettings,
  parts: { readonly registry: Registry; readonly store: OpenedStore; readonly mirrors: OpenMirrors },
): Views {
  const { registry, store, mirrors } = parts
  return openViews({
    ...{ registry, links: store.links, origins: store.origins, clock, mirrors },
    ...{ overlay: () => live.current.overlay, isReadOnly: live.current.isReadOnly },
  })
}

function partsOf(live: LiveSettings, fixed: Omit<Parts, 'deletesOn' | 'catalogLimit'>): Parts {
  return {
    ...fixed,
    get deletesOn() {
      return live.current.deletesOn
    },
    get catalogLimit() {
      return live.current.catalogLimit
    },
  }
}

/** As Distribution names itself: the machine, and the port of http.addr. */
function sourceAddress({ listeners: [first] }: Settings): string {
  return first?.address.kind === 'tcp' ? `${hostname()}:${first.address.port}` : hostname()
}
