import { Counter, Gauge, type Registry } from 'prom-client'

/** What goes on between the mirrors of one upstream, it and the clients. */
export interface UpstreamCounters {
  /** `ok`, or the word of the trouble. */
  requested(outcome: string): void
  received(bytes: number): void
  /** Given to a client without asking. */
  saved(bytes: number): void
  answered(cache: 'hit' | 'stale' | 'miss' | 'bypass'): void
  revalidated(outcome: 'same' | 'moved' | 'failed'): void
}

/** Asked each time when somebody reads the metrics. */
export interface UpstreamGauges {
  readonly breaker: () => 'closed' | 'open' | 'probing'
  /** Undefined when the upstream has told none. */
  readonly rateLimit: () => { readonly limit: number; readonly remaining: number } | undefined
}

/** By the upstream's name. */
export interface MirrorMetrics {
  upstream(host: string): UpstreamCounters
  watch(host: string, gauges: UpstreamGauges): void
  /** The upstream is no more; its counts stay. Nothing where others watch it meanwhile, after a reload. */
  forget(host: string, gauges: UpstreamGauges): void
}

const OPEN = { closed: 0, probing: 0.5, open: 1 } as const

export function openMirrorMetrics(register: Registry): MirrorMetrics {
  const watched = new Map<string, UpstreamGauges>()
  const counts = openCounters(register)
  gauge(register, watched, {
    name: 'registry_upstream_breaker_open',
    help: 'Whether the upstream is left alone: 1 while it is, 0.5 while one request tries it, else 0.',
    value: ({ breaker }) => OPEN[breaker()],
  })
  gauge(register, watched, {
    name: 'registry_upstream_ratelimit_limit',
    help: 'The limit of requests that the upstream told last.',
    value: ({ rateLimit }) => rateLimit()?.limit,
  })
  gauge(register, watched, {
    name: 'registry_upstream_ratelimit_remaining',
    help: 'What was left of it then.',
    value: ({ rateLimit }) => rateLimit()?.remaining,
  })
  return {
    upstream: (upstream) => ({
      requested: (outcome) => counts.requests.inc({ upstream, outcome }),
      received: (bytes) => counts.received.inc({ upstream }, bytes),
      saved: (bytes) => counts.saved.inc({ upstream }, bytes),
      answered: (cache) => counts.answers.inc({ upstream, cache }),
      revalidated: (outcome) => counts.revalidations.inc({ upstream, outcome }),
    }),
    watch: (host, gauges) => void watched.set(host, gauges),
    forget: (host, gauges) => {
      if (watched.get(host) === gauges) watched.delete(host)
    },
  }
}

function openCounters(register: Registry) {
  const registers = [register]
  return {
    requests: new Counter({
      ...{ name: 'registry_upstream_requests_total', labelNames: ['upstream', 'outcome'], registers },
      help: 'Requests to upstreams, by what came of them.',
    }),
    received: new Counter({
      ...{ name: 'registry_upstream_received_bytes_total', labelNames: ['upstream'], registers },
      help: 'Bytes of manifests and blobs that came from upstreams.',
    }),
    saved: new Counter({
      ...{ name: 'registry_upstream_saved_bytes_total', labelNames: ['upstream'], registers },
      help: 'Bytes of mirrored content that clients got without an upstream.',
    }),
    answers: new Counter({
      ...{ name: 'registry_upstream_answers_total', labelNames: ['upstream', 'cache'], registers },
      help: 'Mirrored content that clients got, by the word of X-Cache.',
    }),
    revalidations: new Counter({
      ...{ name: 'registry_upstream_revalidations_total', labelNames: ['upstream', 'outcome'], registers },
      help: 'Questions whether a tag still stands for the same, by the answer.',
    }),
  }
}

function gauge(
  register: Registry,
  watched: ReadonlyMap<string, UpstreamGauges>,
  {
    name,
    help,
    value,
  }: {
    readonly name: string
    readonly help: string
    readonly value: (gauges: UpstreamGauges) => number | undefined
  },
): void {
  new Gauge({
    ...{ name, help, labelNames: ['upstream'], registers: [register] },
    collect() {
      this.reset()
      for (const [upstream, gauges] of watched) {
        const now = value(gauges)
        if (now !== undefined) this.set({ upstream }, now)
      }
    },
  })
}
