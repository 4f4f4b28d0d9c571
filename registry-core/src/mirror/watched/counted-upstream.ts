import type { UpstreamCounters } from '../../system/mirror-metrics.js'
import { isUpstreamFailure } from '../upstream/upstream-failure.js'
import type { FetchedBlob, Upstream } from '../upstream/upstream.js'
import { wrapUpstream } from './wrapped-upstream.js'

/** The upstream, each of whose requests is counted, and the bytes that come. Within the breaker: what rests is no request. */
export function withCounters(upstream: Upstream, counters: UpstreamCounters): Upstream {
  const counted = wrapUpstream(upstream, async ({ signal }, ask) => {
    try {
      const answer = await ask()
      counters.requested('ok')
      return answer
    } catch (error) {
      const why: unknown = signal.aborted ? signal.reason : error
      counters.requested(isUpstreamFailure(why) ? why.trouble : 'given-up')
      throw error
    }
  })
  return {
    ...counted,
    async manifest(...asked) {
      const fetched = await counted.manifest(...asked)
      counters.received(fetched.bytes.length)
      return fetched
    },
    async blob(...asked) {
      const fetched = await counted.blob(...asked)
      return { ...fetched, body: countedBody(fetched, counters) }
    },
  }
}

async function* countedBody({ body }: FetchedBlob, counters: UpstreamCounters): AsyncIterable<Buffer> {
  for await (const piece of body) {
    counters.received(piece.length)
    yield piece
  }
}
