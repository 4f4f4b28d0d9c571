/**
 * Clients that push a tag, mirrors that move it and removers that take it, in several processes on one simulated disk,
 * in orders chosen by chance, with a kill or a power cut in some: what a client was answered is never a mirror's again,
 * and what only mirrors wrote is never taken for a client's.
 * Before that, of two of them each is stopped before each of its calls, and the other before each of its own.
 * usage: fetched-tags.js [--seed N] [--runs N] [--seconds N] [--stride N]; prints one line of JSON. `--seed N --runs 1` replays.
 */
import { parseArgs } from 'node:util'

import { runSeed } from './fetched-tags/one-run.js'
import { runPairs } from './fetched-tags/pairs.js'
import { emptyTown } from './fetched-tags/town.js'
import { textOf } from './simulation/text-of.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '2000' },
    stride: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '3600' },
  },
})
const first = Number(values.seed)
const beginning = await emptyTown()
const found: { readonly seed: number; readonly wrong: readonly string[] }[] = []
const pairs = await runPairs(beginning, { seed: first, stride: Number(values.stride) })
const endMs = performance.now() + Number(values.seconds) * 1000
let [runs, failures, steps, pushes, moves] = [0, 0, 0, 0, 0]
for (; runs < Number(values.runs) && performance.now() < endMs; runs += 1) {
  const seed = first + runs
  try {
    const outcome = await runSeed(seed, beginning)
    steps += outcome.steps
    pushes += outcome.pushes
    moves += outcome.moves
    if (outcome.wrong.length > 0) note(seed, outcome.wrong)
  } catch (error) {
    note(seed, [`unexpected: ${textOf(error)}`])
  }
}
failures += pairs.wrong.length
if (pairs.wrong.length > 0) found.push({ seed: 0, wrong: pairs.wrong.slice(0, 20) })
console.log(
  JSON.stringify({
    program: 'fetched-tags',
    first,
    pairs: pairs.runs,
    runs,
    failures,
    steps,
    pushes,
    moves,
    found,
  }),
)

function note(seed: number, wrong: readonly string[]): void {
  failures += 1
  if (found.length < 20) found.push({ seed, wrong: wrong.slice(0, 5) })
}
