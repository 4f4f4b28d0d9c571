/**
 * Crashes and power cuts at every call of every operation of the store, on a simulated disk.
 * usage: crash-states.js [--seed N] [--cuts N] [--only STATE]; prints one line of JSON.
 * A state is named `<operation>/<moment>/kill` or `<operation>/<moment>/<mode>/<cut>`.
 */
import { parseArgs } from 'node:util'

import { exploreCrashes, prepared } from './simulation/crashes.js'
import { Findings } from './simulation/findings.js'
import { SCENARIOS } from './simulation/scenarios.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cuts: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
})
const seed = Number(values.seed)
const findings = new Findings(values.only)
const startedMs = performance.now()
const tamper = (): void => undefined
const base = await prepared(tamper)
for (const scenario of SCENARIOS)
  if (findings.wants(scenario.name))
    await exploreCrashes(scenario, base, { seed, cuts: Number(values.cuts), tamper, findings })
const { states, failures, found } = findings
const seconds = Math.round((performance.now() - startedMs) / 1000)
console.log(JSON.stringify({ program: 'crash-states', seed, states, failures, seconds, found }))
