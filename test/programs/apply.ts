/**
 * Applies one generation, as the control plane does, in a process that a test can kill at any step.
 * usage: apply.js FILE, which holds {candidate, places, programs} as JSON; prints what became of it.
 */
import { readFileSync } from 'node:fs'

import {
  type ApplyOptions,
  applyGeneration,
  type Candidate,
} from '#control/front/applying/apply-generation.js'
import { systemClock } from '#control/system/clock.js'

interface Task extends Pick<ApplyOptions, 'places' | 'programs'> {
  readonly candidate: Candidate
}

const { candidate, ...options } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Task
const applied = await applyGeneration(candidate, { ...options, clock: systemClock })
process.stdout.write(`${JSON.stringify(applied)}\n`)
