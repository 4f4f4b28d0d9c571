import type { Job } from '../housekeeping/jobs.js'
import type { Log } from '../system/log.js'

/** Something that can be asked whether it is well. */
export interface HealthCheck {
  /** As registry:2 names it: a file, an address, an URL, `storagedriver_filesystem`. */
  readonly name: string
  readonly everyMs: number
  /** So many failures in a row count as one. */
  readonly threshold: number
  /** Answers why it is not well; undefined when it is. */
  ask(signal: AbortSignal): Promise<string | undefined>
}

/** What the checks that the configuration names said last. */
export interface Health {
  /** One for each check. */
  readonly jobs: readonly Job[]
  /** Every check that fails, with why, in the order of the file. */
  failing(): ReadonlyMap<string, string>
  /** The same for /readyz, a sentence each. */
  sentences(): readonly string[]
  /** The first of them: while there is one, nothing is served. */
  first(): { readonly check: string; readonly why: string } | undefined
}

interface State {
  readonly check: HealthCheck
  failures: number
  why: string | undefined
}

export function openHealth({
  checks,
  log,
}: {
  readonly checks: readonly HealthCheck[]
  readonly log: Log
}): Health {
  const states = checks.map((check): State => ({ check, failures: 0, why: undefined }))
  /** Undefined while it is well, or has not failed often enough. */
  const cause = ({ check, failures, why }: State): string | undefined =>
    failures >= check.threshold ? why : undefined
  const job = (each: State): Job => ({
    name: `check ${each.check.name}`,
    everyMs: each.check.everyMs,
    firstAfterMs: 0,
    async run(signal) {
      const why = await each.check.ask(signal)
      if (signal.aborted) return undefined
      const before = cause(each)
      each.failures = why === undefined ? 0 : each.failures + 1
      each.why = why
      const now = cause(each)
      if (before === undefined && now !== undefined)
        log.warn({}, `nothing is served until the health check of ${each.check.name} is well again: ${now}`)
      return before !== undefined && now === undefined
        ? `the health check of ${each.check.name} is well again`
        : undefined
    },
  })
  const failing = (): ReadonlyMap<string, string> =>
    new Map(
      states.flatMap((each) => {
        const why = cause(each)
        return why === undefined ? [] : [[each.check.name, why] as const]
      }),
    )
  return {
    jobs: states.map(job),
    failing,
    sentences: () => [...failing()].map(([name, why]) => `the health check of ${name} fails: ${why}`),
    first() {
      for (const each of states) {
        const why = cause(each)
        if (why !== undefined) return { check: each.check.name, why }
      }
      return undefined
    },
  }
}
