import { randomInt } from 'node:crypto'

/**
 * ENTREPOT_SEED replays a run, ENTREPOT_RUNS lengthens it. The seed is printed at once, so that a run that hangs can be
 * replayed too; what failed is printed by fast-check.
 */
const SEED = Number(process.env['ENTREPOT_SEED'] ?? randomInt(2 ** 31 - 1))
process.stderr.write(`properties: ENTREPOT_SEED=${SEED}\n`)

/** How often a property is tried, and from which seed. */
export function parameters(numRuns: number): { readonly seed: number; readonly numRuns: number } {
  return { seed: SEED, numRuns: Number(process.env['ENTREPOT_RUNS'] ?? numRuns) }
}
