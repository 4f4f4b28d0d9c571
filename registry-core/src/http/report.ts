import { errorCode } from '../store/fs.js'
import type { Log } from '../system/log.js'
import type { Metrics } from '../system/metrics.js'
import { logRequest } from './access-log.js'
import type { Outcome } from './handle.js'

/** What becomes of a request that has ended: it is counted, and written down when lines are wanted or it failed. */
export function openReporter({
  metrics,
  log,
  hasAccessLog,
}: {
  readonly metrics: Metrics
  readonly log: Log
  readonly hasAccessLog: boolean
}): (outcome: Outcome) => void {
  return (outcome) => {
    const { call, status, durationMs, bytesIn, bytesOut, error } = outcome
    metrics.countRequest({
      route: call?.kind ?? 'unknown',
      method: knownMethod(outcome.request.method),
      ...{ status, durationMs, bytesIn, bytesOut },
    })
    if (error !== undefined) {
      const code = storageCode(error)
      if (code !== undefined) metrics.countStorageError(code)
    }
    if (hasAccessLog || status >= 500 || error !== undefined) logRequest(log, outcome)
  }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What clients make up must not become labels without end. */
function knownMethod(method: string | undefined): string {
  return method !== undefined && METHODS.has(method) ? method : 'other'
}

function storageCode(error: unknown): string | undefined {
  return errorCode(error) ?? (Error.isError(error) ? errorCode(error.cause) : undefined)
}
