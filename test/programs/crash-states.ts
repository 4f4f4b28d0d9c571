/**
 * Crashes and power cuts at every call of every operation of the store, on a simulated disk.
 * usage: crash-states.js [--seed N] [--cuts N] [--only STATE] [--forget PATTERN]; prints one line of JSON.
 * A state is named `<operation>/<moment>/kill` or `<operation>/<moment>/<mode>/<cut>`. With --forget, fsyncs whose
 * `<call> <path>` fits the pattern do nothing: a store that forgot them, in which losses must be found.
 */
import { parseArgs } from 'node:util'

import { exploreCrashes, prepared } from './simulation/crashes.js'
import { Findings } from './simulation/findings.js'
import { SCENARIOS } from './simulation/scenarios.js'
import type { Tamper } from './simulation/world.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cuts: { type: 'string', default: '3' },
    only: { type: 'string' },
    forget: { type: 'string' },
  },
})
const seed = Number(values.seed)
const findings = new Findings(values.only)
const startedMs = performance.now()
const forgotten = values.forget === undefined ? undefined : new RegExp(values.forget)
const tamper: Tamper = (fs) => {
  if (forgotten !== undefined) fs.forgetsSync = ({ name, path }) => forgotten.test(`${name} ${path}`)
}
const base = await prepared(tamper)
for (const scenario of SCENARIOS)
  if (findings.wants(scenario.name))
    await exploreCrashes(scenario, base, { seed, cuts: Number(values.cuts), tamper, findings })
const { states, failures, found } = findings
const seconds = Math.round((performance.now() - startedMs) / 1000)
console.log(JSON.stringify({ program: 'crash-states', seed, states, failures, seconds, found }))
