import type { Stages } from '../store/store.js'
import type { Clock } from '../system/clock.js'

/** Something that is done again and again; idempotent, and safe beside itself in another process. */
export interface Job {
  /** For the log. */
  readonly name: string
  readonly everyMs: number
  /** Answers a sentence when there is something to say. */
  run(signal: AbortSignal): Promise<string | undefined>
}

/** Uploads that clients left unfinished hold space for ever, so they end after a week, as those of registry:2 do. */
export function purgeStaleUploads(
  { stages, clock }: { readonly stages: Stages; readonly clock: Clock },
  { ageMs, intervalMs }: { readonly ageMs: number; readonly intervalMs: number },
): Job {
  return {
    name: 'purge-stale-uploads',
    everyMs: intervalMs,
    async run(signal) {
      const purged = await stages.purge(new Date(clock.now().getTime() - ageMs), signal)
      return purged > 0 ? `${purged} unfinished uploads ended` : undefined
    },
  }
}
