import { hostname } from 'node:os'
import { canLogIn } from './access/access-settings.js'
import { type Access, openAccess } from './access/open-access.js'
import type { LiveSettings, Reloaded } from './config/live.js'
import type { Settings } from './config/settings.js'
import { checksOf } from './health/checks.js'
import { type Health, openHealth } from './health/health.js'
import {
  type Job,
  purgeStaleUploads,
  removeLeftovers,
  renewCertificates,
  watchCertificates,
  watchForForeignWriter,
  watchWrites,
} from './housekeeping/jobs.js'
import { type Housekeeping, startHousekeeping } from './housekeeping/runner.js'
import type { Parts } from './http/context.js'
import { openOperations, type Operations } from './http/operations.js'
import { openReporter } from './http/report.js'
import { type Edge, openEdge } from './http/server.js'
import { type Certificates, openCertificates } from './http/tls/renewal.js'
import { type Notifications, openNotifications } from './notifications/open-notifications.js'
import type { NotificationSettings } from './notifications/settings.js'
import { openPost } from './notifications/post.js'
import { openRegistry } from './registry/open-registry.js'
import { openStore, type OpenedStore } from './store/filesystem/open-store.js'
import { makeMemoryRoot } from './store/filesystem/start/memory-root.js'
import { prepareRoot } from './store/filesystem/start/prepare-root.js'
import { trySecondProcess } from './store/filesystem/start/second-process.js'
import { nodeFs } from './store/node-fs.js'
import { systemClock as clock } from './system/clock.js'
import { openIdentity } from './system/identity.js'
import type { Log } from './system/log.js'
import type { LogSink } from './system/log-sink.js'
import { type Metrics, openMetrics } from './system/metrics.js'
import { systemRandom as random } from './system/random.js'
import { openReadiness, type Readiness } from './system/readiness.js'
import { openViews } from './views/views.js'

/** A registry that runs. */
export interface Running {
  /** Where clients find it. */
  readonly addresses: readonly string[]
  /** The TCP ports among them, for those who asked for any. */
  readonly ports: readonly number[]
  /** Lets running requests end, for `http.draintimeout`, and writes what is held back. */
  stop(): Promise<void>
}

/** From settings to running parts: each is opened by one call, and they are closed in the opposite order. */
export async function compose(
  live: LiveSettings,
  { log, sink, reload }: { log: Log; sink: LogSink; reload: () => Promise<Reloaded> },
): Promise<Running> {
  const settings = live.current // what is read from here on stays until the end
  await using parts = new AsyncDisposableStack()
  sayNotices(settings, log)
  const certificates = settings.tls && openCertificates(settings.tls, clock)
  const root = rootOf(settings, parts)
  const store = await openStoreOf(settings, log, root)
  parts.defer(() => store.close())
  const load = { requests: 0, uploads: 0 }
  const metrics = openMetrics({ load, droppedLogLines: () => sink.dropped })
  const notifications = await startNotifications(live, store, { log, metrics })
  parts.defer(() => notifications.stop(LAST_EVENTS_MS))
  const registry = openRegistry({
    ...{ store, clock, log, wishes: notifications.wishes, manifestUrls: settings.manifestUrls },
  })
  parts.defer(() => registry.close())
  const { health, readiness, stop } = startWatching(live, { store, root, certificates }, log)
  parts.defer(stop)
  const purging = openPurging(live, store, log)
  parts.defer(() => purging.stop())
  const operations = await openOperations({
    ...{ listeners: settings.operations, metrics, readiness, reload, failing: () => health.failing() },
  })
  parts.defer(() => operations.stop())
  const access = openAccess(settings.access, { secret: store.secret, clock, random, log })
  applyChanges(live, { access, notifications, store }, log)
  const edge = await openEdge({
    ...{ clock, random, load, log, certificates, prefix: settings.prefix },
    listeners: settings.listeners,
    failingCheck: () => health.first(),
    get headers() {
      return live.current.headers
    },
    views: openViews({ registry, isReadOnly: settings.isReadOnly }),
    parts: partsOf(live, { registry, access, readiness, clock, content: store.content, space: store.space }),
    ...openReporter({ metrics, log, hasAccessLog: () => live.current.log.hasAccessLog }),
  })
  parts.defer(() => edge.stop(live.current.drainMs))
  for (const sentence of [...whoMayPush(settings), ...readiness.warnings(), store.refusal()])
    if (sentence) log.warn({}, sentence)
  sayAddresses({ operations, edge }, log)
  const running = parts.move()
  return { addresses: edge.addresses, ports: edge.ports, stop: () => running.disposeAsync() }
}

/** As registry:2's file without `auth` means it, and nobody shall be surprised. */
function whoMayPush({ access }: Settings): readonly string[] {
  return canLogIn(access) || !access.anonymous.includes('push')
    ? []
    : ['everybody who reaches this registry may push: give it access.accounts or auth to change that']
}

function applyChanges(
  live: LiveSettings,
  parts: { readonly access: Access; readonly notifications: Notifications; readonly store: OpenedStore },
  log: Log,
): void {
  live.onChange((changed) => {
    sayNotices(changed, log)
    for (const sentence of whoMayPush(changed)) log.warn({}, sentence)
    parts.access.replace(changed.access)
    return parts.notifications.replace(notificationsOf(changed, parts.store))
  })
}

function sayAddresses({ operations, edge }: { operations: Operations; edge: Edge }, log: Log): void {
  for (const address of operations.addresses) log.info({}, `health and metrics on ${address}`)
  for (const address of edge.addresses) log.info({}, `listening on ${address}`)
}

function sayNotices({ reading }: Settings, log: Log): void {
  for (const { kind, sentence } of reading.notices)
    if (kind === 'accepted') log.info({}, sentence)
    else log.warn({}, sentence)
}

/** A store that the configuration does not name is somebody else's: what lies in it is not ours to remove. */
function jobsOf(store: OpenedStore, log: Log): readonly Job[] {
  const watching = [watchForForeignWriter(store, log), watchWrites(store, log)]
  return store.isExpected ? [...watching, removeLeftovers(store, clock)] : watching
}

/** What is looked after while it serves: the store, the certificates, and what `health` names. */
function startWatching(
  live: LiveSettings,
  { store, root, certificates }: { store: OpenedStore; root: string; certificates: Certificates | undefined },
  log: Log,
): { readonly health: Health; readonly readiness: Readiness; readonly stop: () => Promise<void> } {
  const health = openHealth({ checks: checksOf(live.current.health, { fs: nodeFs, root, clock }), log })
  const readiness = openReadiness({
    failing: () => [store.refusal(), ...health.sentences()],
    warnings: () => [...store.warnings(), ...(certificates?.warnings() ?? [])],
  })
  if (certificates) live.onReload(() => renewCertificates(certificates, log))
  const renewing = certificates ? [watchCertificates(certificates, log)] : []
  const jobs = [...jobsOf(store, log), ...renewing, ...health.jobs]
  const housekeeping = startHousekeeping({ jobs, clock, log })
  return { health, readiness, stop: () => housekeeping.stop() }
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

/** Ends stale uploads as the settings say now: a change begins anew. */
function openPurging(live: LiveSettings, store: OpenedStore, log: Log): Housekeeping {
  const start = ({ uploadPurging }: Settings): Housekeeping =>
    startHousekeeping({
      jobs:
        store.isExpected && uploadPurging.isOn ? [purgeStaleUploads(store.stages, clock, uploadPurging)] : [],
      ...{ clock, log },
    })
  let known = live.current.uploadPurging
  let running = start(live.current)
  live.onChange(async (settings) => {
    if (settings.uploadPurging === known) return
    known = settings.uploadPurging
    await running.stop()
    running = start(settings)
  })
  return { stop: () => running.stop() }
}

function startNotifications(
  live: LiveSettings,
  store: OpenedStore,
  { log, metrics }: { readonly log: Log; readonly metrics: Metrics },
): Promise<Notifications> {
  return openNotifications({
    ...{ store, clock, log, openPost, metrics: metrics.notifications },
    settings: notificationsOf(live.current, store),
    address: sourceAddress(live.current),
    externalUrl: () => live.current.access.externalUrl,
  })
}

/** What happened in somebody else's store is not ours to tell. */
function notificationsOf({ notifications }: Settings, { isExpected }: OpenedStore): NotificationSettings {
  return isExpected ? notifications : { ...notifications, endpoints: [] }
}

/** How long the last events may take to leave; what is left the next process sends. */
const LAST_EVENTS_MS = 2000

/** As Distribution names itself: the machine, and the port of http.addr. */
function sourceAddress({ listeners: [first] }: Settings): string {
  return first?.address.kind === 'tcp' ? `${hostname()}:${first.address.port}` : hostname()
}

/** The folder of the store; one in memory goes when everything else has stopped. */
function rootOf({ store: { root } }: Settings, parts: AsyncDisposableStack): string {
  if (root !== undefined) return root
  const memory = makeMemoryRoot()
  parts.defer(() => memory.remove())
  return memory.root
}

async function openStoreOf(
  { store: { id, reserveBytes } }: Settings,
  log: Log,
  root: string,
): Promise<OpenedStore> {
  prepareRoot(root, id)
  const store = await openStore({
    ...{ root, fs: nodeFs, clock, random, log, expectedId: id, reserveBytes },
    identity: openIdentity({ clock, random }),
    trySecondProcess: (folder) => trySecondProcess(folder, (path) => nodeFs.statNow(path) !== undefined),
  })
  log.info({ root, id: store.id }, store.isNew ? 'this folder is a store from now on' : 'the store is open')
  return store
}
