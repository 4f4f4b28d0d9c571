import type { ApplyOptions } from './apply-generation.js'
import { openApplyScript } from './apply-script.js'
import { type Drift, findDrift } from './generation-files.js'
import { findGeneration } from './apply-places.js'
import { takeBack } from './prove.js'
import { removeUnfinished } from './remove-generations.js'

/** What a start finds. */
export type FoundAtStart =
  /** There is no configuration yet. */
  | { readonly state: 'none' }
  /** All is as it was left. */
  | { readonly state: 'settled'; readonly current: string; readonly drift: readonly Drift[] }
  /** A change was cut off before it was proved, and taken back; `left` is what could not be. */
  | {
      readonly state: 'undone'
      readonly current: string
      readonly undone: string
      readonly left: string | undefined
      readonly drift: readonly Drift[]
    }
  /** The same with the very first one: there is nothing to go back to. */
  | { readonly state: 'unproved'; readonly current: string; readonly drift: readonly Drift[] }

/**
 * Undoes what a killed process left unproved; the first thing at a start. What was proved and not noted by whoever asked
 * for it stays in force, until that one puts in force what it means.
 */
export async function undoUnproved(options: ApplyOptions): Promise<FoundAtStart> {
  const { places } = options
  await removeUnfinished(places)
  const current = await findGeneration(places, 'current')
  const applied = await findGeneration(places, 'applied')
  if (current === undefined) return { state: 'none' }
  if (current === applied) return { state: 'settled', current, drift: await findDrift(places, current) }
  const script = openApplyScript(places, options.programs)
  if (applied === undefined) return { state: 'unproved', current, drift: await findDrift(places, current) }
  const left = await takeBack(applied, { ...options, script })
  return {
    state: 'undone',
    current: applied,
    undone: current,
    left,
    drift: await findDrift(places, applied),
  }
}
