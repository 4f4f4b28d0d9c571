import { Counter, Histogram, type Registry } from 'prom-client'

import type { LoggedRequest } from './log-line.js'

const SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300]
/** What nginx answers by itself (docs/reference/front.md); anything else that it may come to say is `other`. */
const OWN_STATUSES: ReadonlySet<number> = new Set([
  ...[400, 404, 405, 408, 413, 414, 417, 431, 494, 495, 496, 497],
  ...[500, 501, 502, 503, 504, 505],
])
/** nginx's number for a client that did not wait for the answer. */
const CLIENT_GONE = 499

/** What nginx has logged, counted: labels are words of closed lists, whatever clients send. */
export interface TrafficMetrics {
  count(request: LoggedRequest): void
  /** A line that is none of nginx's. */
  countUnreadable(): void
  /** A file of the log that was closed and another one begun. */
  countRotation(file: string): void
  /** Of a file that went before it was read. */
  countLost(bytes: number): void
}

/** A registry of metrics is given: nothing global, so that a test may have several. */
export function openTrafficMetrics(register: Registry): TrafficMetrics {
  const countEnd = endCounter(register)
  const countRefusal = refusalCounter(register)
  const unreadable = counterIn(
    register,
    'entrepot_front_log_unreadable_lines_total',
    'Lines of the access log that are none.',
  )
  const rotations = counterIn(
    register,
    'entrepot_front_log_rotations_total',
    'Log files of nginx that were closed.',
    'file',
  )
  const lost = counterIn(
    register,
    'entrepot_front_log_lost_bytes_total',
    'Bytes of the access log that went before they were read: requests that are not counted.',
  )
  return {
    count(request) {
      countEnd(request)
      countRefusal(request)
    },
    countUnreadable: () => unreadable.inc(),
    countRotation: (file) => rotations.inc({ file }),
    countLost: (bytes) => lost.inc(bytes),
  }
}

interface Rows {
  readonly count: Counter.Internal
  readonly duration: Histogram.Internal<string>
  readonly sent: Counter.Internal
  readonly received: Counter.Internal
}

function endCounter(register: Registry): TrafficMetrics['count'] {
  const requests = counterIn(
    register,
    'entrepot_front_requests_total',
    'Requests that nginx has ended, by what the listener is for, scheme, method, class of status, word of X-Cache, and who answered.',
    ...['view', 'scheme', 'method', 'status', 'cache', 'by'],
  )
  const durations = new Histogram({
    name: 'entrepot_front_request_duration_seconds',
    help: 'How long requests took, from the first byte read to the last one sent.',
    labelNames: ['view', 'by'],
    buckets: SECONDS,
    registers: [register],
  })
  const ways = ['view', 'scheme', 'by'] as const
  const sent = counterIn(
    register,
    'entrepot_front_sent_bytes_total',
    'Bytes sent to clients, heads included.',
    ...ways,
  )
  const received = counterIn(
    register,
    'entrepot_front_received_bytes_total',
    'Bytes of requests, heads included.',
    ...ways,
  )
  // Looking up labels costs more than counting: each combination is looked up once.
  const known = new Map<string, Rows>()
  return ({ view, scheme, method, status, cache, by, seconds, sentBytes, receivedBytes }) => {
    const statusClass = `${Math.floor(status / 100)}xx`
    const key = `${view} ${scheme} ${method} ${statusClass} ${cache} ${by}`
    const rows = known.get(key) ?? {
      count: requests.labels(view, scheme, method, statusClass, cache, by),
      duration: durations.labels(view, by),
      sent: sent.labels(view, scheme, by),
      received: received.labels(view, scheme, by),
    }
    known.set(key, rows)
    rows.count.inc()
    rows.duration.observe(seconds)
    rows.sent.inc(sentBytes)
    rows.received.inc(receivedBytes)
  }
}

function refusalCounter(register: Registry): TrafficMetrics['count'] {
  const refused = counterIn(
    register,
    'entrepot_front_refused_total',
    'What nginx has refused by itself, by its status: too large, no registry request, nobody behind it.',
    ...['view', 'status'],
  )
  const cut = counterIn(
    register,
    'entrepot_front_cut_total',
    'Answers that have not come to their end: the client has left, or what it was sent was wrong.',
    'view',
  )
  return ({ isWhole, by, status, view }) => {
    if (!isWhole) cut.inc({ view })
    if (by === 'nginx' && status >= 400 && status !== CLIENT_GONE)
      refused.inc({ view, status: OWN_STATUSES.has(status) ? String(status) : 'other' })
  }
}

function counterIn(register: Registry, name: string, help: string, ...labelNames: string[]): Counter {
  return new Counter({ name, help, labelNames, registers: [register] })
}
