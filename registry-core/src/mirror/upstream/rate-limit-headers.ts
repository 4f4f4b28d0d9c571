import type { RateLimit } from '../rate-limit.js'

/** What an answer's headers say of how much more the upstream gives; undefined when they say nothing. */
export function findRateLimit(header: (name: string) => string | undefined): RateLimit | undefined {
  const limit = parse(header('ratelimit-limit'))
  const remaining = parse(header('ratelimit-remaining'))
  if (limit === undefined || remaining === undefined) return undefined
  const windowSeconds = limit.windowSeconds ?? remaining.windowSeconds
  return { limit: limit.count, remaining: remaining.count, windowSeconds }
}

/** `100;w=21600`. */
function parse(text: string | undefined): { count: number; windowSeconds: number | undefined } | undefined {
  const [, count, window] = /^\s*(\d{1,12})\s*(?:;.*?\bw=(\d{1,9}))?/.exec(text ?? '') ?? []
  if (count === undefined) return undefined
  return { count: Number(count), windowSeconds: window === undefined ? undefined : Number(window) }
}
