/**
 * Pushers, mounters, deleters, removers, readers and collectors in several processes on one simulated disk, in orders
 * chosen by chance; each tag must be a linearizable register, each acknowledged image whole.
 * usage: interleavings.js [--seed N] [--runs N] [--seconds N] [--hasty]; prints one line of JSON. `--seed N --runs 1`
 * replays. With --hasty the collectors skip the second mark, and losses must be found.
 */
import { parseArgs } from 'node:util'

import { beginnings, runSeed } from './interleaving/one-run.js'
import { textOf } from './simulation/text-of.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '3600' },
    hasty: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed)
const endMs = performance.now() + Number(values.seconds) * 1000
const stores = await beginnings()
const found: { readonly seed: number; readonly wrong: readonly string[] }[] = []
let [runs, failures, steps, acknowledged, refused] = [0, 0, 0, 0, 0]
for (; runs < Number(values.runs) && performance.now() < endMs; runs += 1) {
  const seed = first + runs
  try {
    const outcome = await runSeed(seed, stores, { isHasty: values.hasty })
    steps += outcome.steps
    acknowledged += outcome.acknowledged
    refused += outcome.refused
    if (outcome.wrong.length > 0) note(seed, outcome.wrong)
  } catch (error) {
    note(seed, [`unexpected: ${textOf(error)}`])
  }
}
console.log(
  JSON.stringify({ program: 'interleavings', first, runs, failures, steps, acknowledged, refused, found }),
)

function note(seed: number, wrong: readonly string[]): void {
  failures += 1
  if (found.length < 20) found.push({ seed, wrong: wrong.slice(0, 5) })
}
