import type { Clock } from '../../system/clock.js'

/** In which order an upstream's URLs are asked: as configured, but one that has just failed comes after the others. */
export interface UrlOrder {
  now(): readonly URL[]
  failed(url: URL): void
  worked(url: URL): void
}

const RESTS_MS = 30_000

export function openUrlOrder(urls: readonly URL[], clock: Clock): UrlOrder {
  const failedAtMs = new Map<string, number>()
  const rests = ({ href }: URL): boolean => {
    const at = failedAtMs.get(href)
    return at !== undefined && clock.elapsedMs() - at < RESTS_MS
  }
  return {
    now: () => [...urls.filter((url) => !rests(url)), ...urls.filter(rests)],
    failed: ({ href }) => failedAtMs.set(href, clock.elapsedMs()),
    worked: ({ href }) => failedAtMs.delete(href),
  }
}
