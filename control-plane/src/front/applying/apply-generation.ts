import type { RenderedFile } from '@entrepot/front'

import type { Clock } from '../../system/clock.js'
import { type ApplyPrograms, openApplyScript } from './apply-script.js'
import { type Probe, probeOnce, runningGeneration } from './ask-nginx.js'
import { writeGeneration } from './generation-files.js'
import { type ApplyPlaces, findGeneration } from './apply-places.js'
import { type Proved, prove, takeBack } from './prove.js'
import type { ReloadPace } from './reload-pace.js'
import { type KeptGenerations, removeOldGenerations } from './remove-generations.js'
import { isSameFront } from './same-front.js'
import { testGeneration } from './test-generation.js'

/** One change of the configuration, rendered. */
export interface Candidate {
  /** Of letters, digits, `.`, `_` and `-`; the name of its folder, which its files know. */
  readonly id: string
  /** nginx.conf, errors/, registry.yml, … as renderFront and renderRegistry make them. */
  readonly files: readonly RenderedFile[]
  readonly probes: readonly Probe[]
}

/** Where, with which programs, and how often nginx may be reloaded. */
export interface ApplyOptions {
  readonly places: ApplyPlaces
  readonly programs?: ApplyPrograms
  readonly clock: Clock
  /** Of nginx's reloads; without one they come as they are asked for. */
  readonly pace?: ReloadPace
  readonly kept?: KeptGenerations
}

/** What became of a change: in force, or as if it had never been asked for. */
export type Applied = Proved

const LOOK_MS = 2000

/**
 * Writes, tests, swaps, reloads and asks every listener; what fails is taken back. What nginx serves already is no reason
 * to reload it: accounts and upstreams are the core's. One at a time: the caller's lock. Throws only when a step could not
 * be done at all (a full disk), and then what was in force is in force again; what stands in the way of that is said too.
 */
export async function applyGeneration(candidate: Candidate, options: ApplyOptions): Promise<Applied> {
  const { places, clock } = options
  const { id, probes } = candidate
  const script = openApplyScript(places, options.programs)
  await writeGeneration(places, id, candidate.files)
  const isServed = await isServedAlready(candidate, places)
  const tested = await testGeneration(id, { isServed, places, script })
  if (tested.outcome === 'refused') return tested
  const reloadsNginx = !isServed
  const busy = reloadsNginx ? await options.pace?.turn() : undefined
  if (busy !== undefined) return { outcome: 'refused', stage: 'nginx', reason: busy }
  const previous = await findGeneration(places, 'current')
  let applied: Applied
  try {
    await script.swap(id)
    applied = await prove({ id, probes, reloadsNginx }, { places, clock, script })
    if (applied.outcome === 'applied') await script.keep(id)
  } catch (error) {
    const left = await takeBack(previous, { places, clock, script }).catch((reason: unknown) => reason)
    throw left === undefined ? error : new AggregateError([error, left], 'a change could not be taken back')
  }
  if (applied.outcome === 'refused') {
    const left = await takeBack(previous, { places, clock, script })
    return left === undefined ? applied : { ...applied, reason: `${applied.reason}; and ${left}` }
  }
  await removeOld(options, previous).catch(() => undefined) // the next change removes them
  return applied
}

/** The same files, and every listener shows the certificate that it should. */
async function isServedAlready(candidate: Candidate, places: ApplyPlaces): Promise<boolean> {
  const signal = AbortSignal.timeout(LOOK_MS)
  const running = await runningGeneration(places.generationSocket, signal)
  if (running === undefined || !(await isSameFront(places, candidate, running))) return false
  const found = await Promise.all(
    candidate.probes.map((probe) => probeOnce(probe, { hasCore: false, signal })),
  )
  return found.every((finding) => finding === undefined)
}

/** nginx may run an older generation than the one in force: the same for it, and its files are still read. */
async function removeOld({ places, kept }: ApplyOptions, previous: string | undefined): Promise<void> {
  const running = await runningGeneration(places.generationSocket, AbortSignal.timeout(LOOK_MS))
  const named = [...(kept?.named ?? []), ...(running === undefined ? [] : [running])]
  await removeOldGenerations(places, { ...kept, named, previous })
}
