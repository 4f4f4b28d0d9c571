const SHAPE = /^(?:[0-9]{1,12}(?:\.[0-9]{1,9})?(?:ns|us|µs|ms|s|m|h|d))+$/
const PART = /([0-9.]+)(ns|us|µs|ms|s|m|h|d)/g
const FACTORS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** What a duration may look like, for a person who wrote another. */
export const DURATION_FORM = 'a duration with ms, s, m, h or d (5m, 1h30m, 7d)'

/** The milliseconds of `5m` or `1h30m` (as Go writes durations, and days); undefined when it is no duration. */
export function findDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  if (!SHAPE.test(text)) return undefined
  let ms = 0
  for (const [, number, unit] of text.matchAll(PART)) ms += Number(number) * (FACTORS[unit ?? ''] ?? 0)
  return Math.round(ms)
}
