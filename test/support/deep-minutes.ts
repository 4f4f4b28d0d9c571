/** How long each deep test goes on that could go on for ever: `DEEP_MINUTES=60` for a night. */
export const DEEP_MINUTES = Number(process.env['DEEP_MINUTES'] ?? '3')

export const MINUTE_MS = 60_000

/** What jest allows such a test: it looks at the clock between its rounds, and looks at everything again at its end. */
export const DEEP_TIMEOUT_MS = (2 * DEEP_MINUTES + 10) * MINUTE_MS

/** The numbers of rounds, as long as the time is not over; the first one always. */
export function* deepRounds(): Generator<number> {
  const endMs = performance.now() + DEEP_MINUTES * MINUTE_MS
  for (let round = 0; round === 0 || performance.now() < endMs; round += 1) yield round
}
