import type { Clock } from '../../system/clock.js'
import { UpstreamFailure, type UpstreamTrouble } from './upstream-failure.js'
import type { WireAnswer } from './wire.js'

const KNOWN: ReadonlyMap<number, readonly [UpstreamTrouble, string]> = new Map([
  [401, ['unauthorized', 'wants to know who asks']],
  [403, ['denied', 'forbids it']],
  [404, ['missing', 'has no such thing']],
  [408, ['timeout', 'gave up waiting for us']],
  [410, ['missing', 'has no such thing any more']],
  [429, ['rate-limited', 'has had too many requests from here: an account there may have a higher limit']],
])

/** What a status means that is not success. `what` is what was asked for, in words. */
export function answerFailure(answer: WireAnswer, what: string, clock: Pick<Clock, 'now'>): UpstreamFailure {
  const { status, url } = answer
  const [trouble, words] = KNOWN.get(status) ?? other(status)
  return new UpstreamFailure(trouble, `${url.host} answered ${status} when asked for ${what}: it ${words}`, {
    status,
    retryAfterMs: retryAfter(answer.header('retry-after'), clock),
  })
}

function other(status: number): readonly [UpstreamTrouble, string] {
  if (status >= 500) return ['failing', 'does not work at the moment']
  if (status >= 400) return ['denied', 'does not take the request']
  return ['wrong-content', 'should not answer that']
}

/** RFC 9110 §10.2.3: seconds or a date; at most a day, so that a mistake there is no outage here. */
function retryAfter(text: string | undefined, clock: Pick<Clock, 'now'>): number | undefined {
  if (text === undefined) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.now().getTime()
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 86_400_000) : undefined
}
