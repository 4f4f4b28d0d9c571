import { errorCode } from '../store/fs.js'
import type { Log } from '../system/log.js'
import type { Metrics } from '../system/metrics.js'
import { logRequest } from './access-log.js'
import type { Outcome } from './handle.js'
import type { Refusal } from './parser-errors.js'
import type { EdgeOptions } from './server.js'

/** What becomes of a request that has ended: it is counted, and written down when lines are wanted or it failed. */
export function openReporter(options: {
  readonly metrics: Metrics
  readonly log: Log
  /** Asked for each request. */
  readonly hasAccessLog: () => boolean
}): Pick<EdgeOptions, 'report' | 'reportRefusal'> {
  const { metrics, log, hasAccessLog } = options
  const report = (outcome: Outcome): void => {
    const { call, status, durationMs, bytesIn, bytesOut, error } = outcome
    metrics.countRequest({
      route: call?.kind ?? 'unknown',
      method: knownMethod(outcome.request.method),
      status,
      durationMs,
      bytesIn,
      bytesOut,
    })
    if (error !== undefined) {
      const code = storageCode(error)
      if (code !== undefined) metrics.countStorageError(code)
    }
    if ((hasAccessLog() && !isProbe(outcome)) || status >= 500 || error !== undefined)
      logRequest(log, outcome)
  }
  const reportRefusal = ({ status, remoteAddress, why }: Refusal): void => {
    metrics.countRequest({
      route: 'unknown',
      method: 'other',
      status,
      durationMs: 0,
      bytesIn: 0,
      bytesOut: 0,
    })
    const fields = { 'http.request.remoteaddr': remoteAddress, 'http.response.status': status, outcome: why }
    if (hasAccessLog()) log.info(fields, 'what is no request was refused')
  }
  return { report, reportRefusal }
}

/** Whoever watches over the box asks each listener again and again, under this name. */
const PROBE = 'entrepot-probe'

/** A question that gives and changes nothing, by nobody: whoever takes the name for another one is logged all the same. */
function isProbe({ request, call }: Outcome): boolean {
  const { 'user-agent': program, authorization } = request.headers
  if (program !== PROBE || authorization !== undefined || request.method !== 'GET') return false
  return call?.kind === 'version' || call?.kind === 'healthz' || call?.kind === 'readyz'
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What clients make up must not become labels without end. */
function knownMethod(method: string | undefined): string {
  return method !== undefined && METHODS.has(method) ? method : 'other'
}

function storageCode(error: unknown): string | undefined {
  return errorCode(error) ?? (Error.isError(error) ? errorCode(error.cause) : undefined)
}
