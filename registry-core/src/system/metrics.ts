import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type MirrorMetrics, openMirrorMetrics } from './mirror-metrics.js'
import { type NotificationMetrics, openNotificationMetrics } from './notification-metrics.js'

/** What is counted, by name, in the words of the logs. */
export interface Metrics {
  /** One request that has ended. */
  countRequest(request: {
    readonly route: string
    readonly method: string
    readonly status: number
    readonly durationMs: number
    readonly bytesIn: number
    readonly bytesOut: number
  }): void
  /** A call to the storage that failed, by the system's error code. */
  countStorageError(code: string): void
  readonly notifications: NotificationMetrics
  readonly mirrors: MirrorMetrics
  /** All of it, in Prometheus' text format. */
  text(): Promise<string>
  readonly contentType: string
}

/** What others know, for gauges. */
export interface MetricSources {
  readonly load: Load
  readonly droppedLogLines: () => number
  readonly strays: { readonly droppedLogins: number; readonly misdirected: number }
}

/** How much goes on right now. */
export interface Load {
  requests: number
  /** Requests whose body is being taken. */
  uploads: number
}

/** How often the lag of the event loop is looked at: every 10 ms, prom-client's own, was most of what an idle process did. */
const LAG_STEP_MS = 50

/** A registry of metrics of its own: nothing global, so that a test may have several. */
export function openMetrics({ load, droppedLogLines, strays }: MetricSources): Metrics {
  const register = new Registry()
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: LAG_STEP_MS })
  const storageErrors = new Counter({
    name: 'registry_storage_errors_total',
    help: 'Requests that failed because of the storage, by the error code of the system.',
    labelNames: ['code'],
    registers: [register],
  })
  gauge(register, 'registry_http_active_requests', 'Requests that run now.', () => load.requests)
  gauge(register, 'registry_uploads_active', 'Requests whose body is being taken now.', () => load.uploads)
  gauge(register, 'registry_log_dropped_lines', 'Log lines that nobody took.', droppedLogLines)
  gauge(
    ...([
      register,
      'registry_mirror_dropped_logins',
      'Logins that are not ours, sent to mirrors and dropped.',
    ] as const),
    () => strays.droppedLogins,
  )
  gauge(
    ...([
      register,
      'registry_misdirected_requests',
      'Requests of daemons that take the registry for a mirror.',
    ] as const),
    () => strays.misdirected,
  )
  return {
    countRequest: requestCounter(register),
    countStorageError: (code) => storageErrors.inc({ code }),
    notifications: openNotificationMetrics(register),
    mirrors: openMirrorMetrics(register),
    text: () => register.metrics(),
    contentType: register.contentType,
  }
}

const SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300]

function requestCounter(register: Registry): Metrics['countRequest'] {
  const requests = new Counter({
    name: 'registry_http_requests_total',
    help: 'Requests that have ended, by route, method and class of status.',
    labelNames: ['route', 'method', 'status'],
    registers: [register],
  })
  const durations = new Histogram({
    name: 'registry_http_request_duration_seconds',
    help: 'How long requests took, by route and method.',
    labelNames: ['route', 'method'],
    buckets: SECONDS,
    registers: [register],
  })
  const received = counter(register, 'registry_http_received_bytes_total', 'Bytes of request bodies.')
  const sent = counter(
    register,
    'registry_http_sent_bytes_total',
    'Bytes of bodies sent by this process; what nginx sends itself is not among them.',
  )
  // Looking up labels costs more than counting: each combination is looked up once.
  const rows = new Map<
    string,
    { readonly count: Counter.Internal; readonly duration: Histogram.Internal<string> }
  >()
  return ({ route, method, status, durationMs, bytesIn, bytesOut }) => {
    const key = `${route} ${method} ${Math.floor(status / 100)}xx`
    let row = rows.get(key)
    if (row === undefined) {
      row = { count: requests.labels(...key.split(' ')), duration: durations.labels(route, method) }
      rows.set(key, row)
    }
    row.count.inc()
    row.duration.observe(durationMs / 1000)
    if (bytesIn > 0) received.inc(bytesIn)
    if (bytesOut > 0) sent.inc(bytesOut)
  }
}

function counter(register: Registry, name: string, help: string): Counter {
  return new Counter({ name, help, registers: [register] })
}

function gauge(register: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers: [register],
    collect() {
      this.set(value())
    },
  })
}
