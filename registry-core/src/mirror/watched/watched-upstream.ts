import type { Clock } from '../../system/clock.js'
import type { Log } from '../../system/log.js'
import type { MirrorMetrics, UpstreamCounters } from '../../system/mirror-metrics.js'
import type { Random } from '../../system/random.js'
import { Breaker, withBreaker } from './breaker.js'
import { withCounters } from './counted-upstream.js'
import { type RateLimit, RateLimitWatch } from './rate-limit.js'
import { withTurns } from './turns.js'
import type { Upstream } from '../upstream/upstream.js'

/** An upstream behind its breaker and a limit of questions, and what is known of how it is. */
export interface WatchedUpstream {
  readonly upstream: Upstream
  readonly breaker: Breaker
  readonly rateLimit: RateLimitWatch
  readonly counters: UpstreamCounters
  /** Closes its client; its gauges are no more. */
  close(): Promise<void>
}

/** @param open the client, which tells of rate limits: each request of it is counted, what rests is no request */
export function watchUpstream(
  host: string,
  open: (onRateLimit: (limit: RateLimit) => void) => Upstream,
  options: {
    readonly metrics: MirrorMetrics
    readonly clock: Clock
    readonly random: Random
    readonly log: Log
  },
): WatchedUpstream {
  const { metrics } = options
  const breaker = new Breaker({ ...options, host })
  const rateLimit = new RateLimitWatch(options)
  const counters = metrics.upstream(host)
  const client = open((limit) => rateLimit.note(limit))
  const gauges = { breaker: () => breaker.state, rateLimit: () => rateLimit.current() }
  metrics.watch(host, gauges)
  return {
    upstream: withTurns(withBreaker(withCounters(client, counters), breaker), options.clock),
    breaker,
    rateLimit,
    counters,
    async close() {
      metrics.forget(host, gauges)
      await client.close()
    },
  }
}
