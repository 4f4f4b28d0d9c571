/** What an upstream says about how much more it will give (Docker Hub: `ratelimit-limit: 100;w=21600`). */
export interface RateLimit {
  readonly limit: number | undefined
  readonly remaining: number
  readonly windowSeconds: number | undefined
  /** For whom it counts: an address, or an account (`docker-ratelimit-source`). */
  readonly source: string | undefined
}

/** Undefined for an upstream that says nothing about it. */
export function findRateLimit(header: (name: string) => string | undefined): RateLimit | undefined {
  const remaining = parse(header('ratelimit-remaining'))
  if (remaining === undefined) return undefined
  const limit = parse(header('ratelimit-limit'))
  const source = header('docker-ratelimit-source')
  return {
    limit: limit?.count,
    remaining: remaining.count,
    windowSeconds: limit?.windowSeconds ?? remaining.windowSeconds,
    source: source !== undefined && /^[0-9a-zA-Z.:_-]{1,128}$/.test(source) ? source : undefined,
  }
}

function parse(text: string | undefined): { count: number; windowSeconds: number | undefined } | undefined {
  const [, count, window] = /^\s*(\d{1,12})\s*(?:;.*?\bw=(\d{1,9}))?/.exec(text ?? '') ?? []
  if (count === undefined) return undefined
  return { count: Number(count), windowSeconds: window === undefined ? undefined : Number(window) }
}
