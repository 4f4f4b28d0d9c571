import { openAccess } from './access/open-access.js'
import type { Settings } from './config/settings.js'
import {
  type Job,
  purgeStaleUploads,
  removeLeftovers,
  watchForForeignWriter,
  watchWrites,
} from './housekeeping/jobs.js'
import { startHousekeeping } from './housekeeping/runner.js'
import { openOperations } from './http/operations.js'
import { openReporter } from './http/report.js'
import { openEdge } from './http/server.js'
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
import { openMetrics } from './system/metrics.js'
import { systemRandom as random } from './system/random.js'
import { openReadiness } from './system/readiness.js'
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
  settings: Settings,
  { log, sink }: { log: Log; sink: LogSink },
): Promise<Running> {
  await using parts = new AsyncDisposableStack()
  for (const { kind, sentence } of settings.reading.notices)
    if (kind === 'accepted') log.info({}, sentence)
    else log.warn({}, sentence)
  const store = await openStoreOf(settings, log, rootOf(settings, parts))
  parts.defer(() => store.close())
  const registry = openRegistry({ store, clock, log, manifestUrls: settings.manifestUrls })
  parts.defer(() => registry.close())
  const load = { requests: 0, uploads: 0 }
  const metrics = openMetrics({ load, droppedLogLines: () => sink.dropped })
  const readiness = openReadiness({ failing: () => [store.refusal()], warnings: () => store.warnings() })
  const housekeeping = startHousekeeping({
    jobs: jobsOf(settings, store, log),
    clock,
    log,
  })
  parts.defer(() => housekeeping.stop())
  const operations = await openOperations({ listeners: settings.operations, metrics, readiness })
  parts.defer(() => operations.stop())
  const access = openAccess(settings.access, { secret: store.secret, clock, random, log })
  const edge = await openEdge({
    ...{ clock, random, load, log },
    listeners: settings.listeners,
    headers: settings.headers,
    views: openViews({ registry, isReadOnly: settings.isReadOnly }),
    parts: {
      ...{ registry, access, readiness, clock, content: store.content, space: store.space },
      ...{ deletesOn: settings.deletesOn, catalogLimit: settings.catalogLimit },
    },
    ...openReporter({ metrics, log, hasAccessLog: settings.log.hasAccessLog }),
  })
  parts.defer(() => edge.stop(settings.drainMs))
  sayWhoMayPush(settings, log)
  for (const sentence of [...store.warnings(), store.refusal()]) if (sentence) log.warn({}, sentence)
  for (const address of operations.addresses) log.info({}, `health and metrics on ${address}`)
  for (const address of edge.addresses) log.info({}, `listening on ${address}`)
  const running = parts.move()
  return { addresses: edge.addresses, ports: edge.ports, stop: () => running.disposeAsync() }
}

/** As registry:2's file without `auth` means it, and nobody shall be surprised. */
function sayWhoMayPush({ access }: Settings, log: Log): void {
  const canLogIn = access.accounts.length > 0 || access.htpasswd !== undefined || access.token !== undefined
  if (!canLogIn && access.anonymous.includes('push'))
    log.warn(
      {},
      'everybody who reaches this registry may push: give it access.accounts or auth to change that',
    )
}

/** A store that the configuration does not name is somebody else's: what lies in it is not ours to remove. */
function jobsOf({ uploadPurging }: Settings, store: OpenedStore, log: Log): readonly Job[] {
  const watching = [watchForForeignWriter(store, log), watchWrites(store, log)]
  if (!store.isExpected) return watching
  const purging = uploadPurging.isOn ? [purgeStaleUploads(store, clock, uploadPurging)] : []
  return [...watching, removeLeftovers(store, clock), ...purging]
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
