/**
 * Every call of every operation of the store fails, in every way it can, on a simulated disk.
 * usage: fault-states.js [--seed N] [--only STATE]; prints one line of JSON.
 * A state is named `<operation>/<call>/<code>/once|lasting`.
 */
import { parseArgs } from 'node:util'

import { prepared } from './simulation/crashes.js'
import { exploreFaults } from './simulation/faults.js'
import { Findings } from './simulation/findings.js'
import { SCENARIOS } from './simulation/scenarios.js'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, only: { type: 'string' } },
})
const seed = Number(values.seed)
const findings = new Findings(values.only)
const startedMs = performance.now()
const tamper = (): void => undefined
const base = await prepared(tamper)
for (const scenario of SCENARIOS)
  if (findings.wants(scenario.name)) await exploreFaults(scenario, base, { seed, cuts: 0, tamper, findings })
const { states, failures, found } = findings
const seconds = Math.round((performance.now() - startedMs) / 1000)
console.log(JSON.stringify({ program: 'fault-states', seed, states, failures, seconds, found }))
