import type { Store } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'
import {
  type Job,
  type PurgeSettings,
  purgeStaleUploads,
  removeLeftovers,
  type RenewedCertificates,
  watchCertificates,
  watchForForeignWriter,
  watchWrites,
} from './jobs.js'
import { type Housekeeping, startHousekeeping } from './runner.js'

/** What housekeeping has to do with the store. */
export interface KeptStore extends Pick<Store, 'stages' | 'space' | 'partials'> {
  /** One that the configuration does not name is somebody else's: what lies in it is not ours to remove. */
  readonly isExpected: boolean
  refusal(): string | undefined
  warnings(): readonly string[]
  lookForForeignWriter(signal: AbortSignal): Promise<void>
}

/** When uploads are stale, if they are to end at all. */
export interface Purging extends PurgeSettings {
  readonly isOn: boolean
}

export interface OpenHousekeeping extends Housekeeping {
  /** Stale uploads end by these settings from now on; a change begins anew. */
  replacePurging(purging: Purging): Promise<void>
}

/** What the process does by itself while it serves; `others` are the jobs of parts that bring their own. */
export function openHousekeeping({
  store,
  certificates,
  others,
  purging,
  clock,
  log,
}: {
  readonly store: KeptStore
  readonly certificates: RenewedCertificates | undefined
  readonly others: readonly Job[]
  readonly purging: Purging
  readonly clock: Clock
  readonly log: Log
}): OpenHousekeeping {
  const jobs = [
    watchForForeignWriter(store, log),
    watchWrites(store, log),
    ...(store.isExpected ? [removeLeftovers(store, clock)] : []),
    ...(certificates ? [watchCertificates(certificates, log)] : []),
    ...others,
  ]
  const startPurging = (settings: Purging): Housekeeping =>
    startHousekeeping({
      jobs: store.isExpected && settings.isOn ? [purgeStaleUploads(store.stages, clock, settings)] : [],
      ...{ clock, log },
    })
  const always = startHousekeeping({ jobs, clock, log })
  let known = purging
  let purges = startPurging(purging)
  return {
    async replacePurging(settings) {
      if (settings === known) return
      known = settings
      await purges.stop()
      purges = startPurging(settings)
    },
    async stop() {
      await Promise.all([always.stop(), purges.stop()])
    },
  }
}
