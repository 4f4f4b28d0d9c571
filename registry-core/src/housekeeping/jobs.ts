import type { Store } from '../store/store.js'
import type { Clock } from '../system/clock.js'
import type { Log } from '../system/log.js'

/** Something that is done again and again; idempotent, and safe beside itself in another process. */
export interface Job {
  /** For the log. */
  readonly name: string
  readonly everyMs: number
  /** When it runs for the first time, after a start that has better things to do; 0: at once. */
  readonly firstAfterMs: number
  /** Answers a sentence when there is something to say. */
  run(signal: AbortSignal): Promise<string | undefined>
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** `storage.maintenance.uploadpurging` */
export interface PurgeSettings {
  readonly ageMs: number
  readonly intervalMs: number
  readonly isDryRun: boolean
}

/** Uploads that clients left unfinished hold space for ever, so they end after a week, as those of registry:2 do. */
export function purgeStaleUploads(
  stages: Pick<Store['stages'], 'purge' | 'countStale'>,
  clock: Clock,
  { ageMs, intervalMs, isDryRun }: PurgeSettings,
): Job {
  return {
    name: 'purge-stale-uploads',
    everyMs: intervalMs,
    firstAfterMs: MINUTE_MS,
    async run(signal) {
      const limit = before(clock, ageMs)
      if (isDryRun) {
        const stale = await stages.countStale(limit, signal)
        return stale > 0 ? `${stale} unfinished uploads would end, but uploadpurging.dryrun is on` : undefined
      }
      const purged = await stages.purge(limit, signal)
      return purged > 0 ? `${purged} unfinished uploads ended` : undefined
    },
  }
}

/** Processes that were killed leave temporary files, and what they were fetching; after a day nobody can still be writing them. */
export function removeLeftovers({ space, partials }: Pick<Store, 'space' | 'partials'>, clock: Clock): Job {
  return {
    name: 'remove-leftovers',
    everyMs: HOUR_MS,
    firstAfterMs: MINUTE_MS,
    async run(signal) {
      const limit = before(clock, DAY_MS)
      const purged = (await space.purgeTemporary(limit, signal)) + (await partials.purge(limit, signal))
      return purged > 0 ? `${purged} temporary files of ended processes removed` : undefined
    },
  }
}

/** A disk that takes no writes shows in /readyz before a push fails, and is well again without one. */
export function watchWrites(
  store: { readonly space: Pick<Store['space'], 'probeWrites'>; refusal(): string | undefined },
  log: Log,
): Job {
  let said = store.refusal()
  return {
    name: 'watch-writes',
    everyMs: 10_000,
    firstAfterMs: 0,
    async run() {
      await store.space.probeWrites()
      const cause = store.refusal()
      if (cause !== said) {
        if (cause === undefined) log.info({}, 'the store takes pushes again')
        else log.warn({}, `the store takes no pushes: ${cause}`)
      }
      said = cause
      return undefined
    },
  }
}

/** A registry:2 that still writes this volume is said at once, and in /readyz as long as it does. */
export function watchForForeignWriter(
  store: { lookForForeignWriter(signal: AbortSignal): Promise<void>; warnings(): readonly string[] },
  log: Log,
): Job {
  let said = new Set(store.warnings())
  return {
    name: 'watch-for-foreign-writer',
    everyMs: HOUR_MS,
    firstAfterMs: 0,
    async run(signal) {
      await store.lookForForeignWriter(signal)
      const warnings = store.warnings()
      for (const warning of warnings) if (!said.has(warning)) log.warn({}, warning)
      said = new Set(warnings)
      return undefined
    },
  }
}

/** Renewed certificates are served without a restart. A pair that does not fit is said once, and the old one goes on. */
export function watchCertificates(certificates: RenewedCertificates, log: Log): Job {
  return {
    name: 'renew-certificates',
    everyMs: MINUTE_MS,
    firstAfterMs: MINUTE_MS,
    run() {
      renewCertificates(certificates, log)
      return Promise.resolve(undefined)
    },
  }
}

/** The certificates that are served. */
export interface RenewedCertificates {
  renew(): string | undefined
}

/** Looks at the files now; says in the log what came of it, when they have changed. */
export function renewCertificates(certificates: RenewedCertificates, log: Log): void {
  try {
    const said = certificates.renew()
    if (said !== undefined) log.info({}, said)
  } catch (error) {
    const why = Error.isError(error) ? error.message : String(error)
    log.error({}, `the certificates changed, and those before go on being served: ${why}`)
  }
}

function before(clock: Clock, ageMs: number): Date {
  return new Date(clock.now().getTime() - ageMs)
}
