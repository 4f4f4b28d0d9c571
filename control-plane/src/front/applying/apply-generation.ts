import type { RenderedFile } from '@entrepot/front'

import { reloadCore } from '../../core/reload-core.js'
import type { Clock } from '../../system/clock.js'
import { type ApplyPrograms, type ApplyScript, openApplyScript } from './apply-script.js'
import { type Probe, probeOnce, runningGeneration } from './ask-nginx.js'
import { type ErrorLog, watchErrorLog } from './error-log.js'
import { writeGeneration } from './generation-files.js'
import { type ApplyPlaces, findGeneration } from './places.js'
import { type KeptGenerations, removeOldGenerations } from './remove-generations.js'

/** One change of the configuration, rendered. */
export interface Candidate {
  /** Of letters, digits, `.`, `_` and `-`; the name of its folder, which its files know. */
  readonly id: string
  /** nginx.conf, errors/, registry.yml, … as renderFront and renderRegistry make them. */
  readonly files: readonly RenderedFile[]
  readonly probes: readonly Probe[]
}

export interface ApplyOptions {
  readonly places: ApplyPlaces
  readonly programs?: ApplyPrograms
  readonly clock: Clock
  readonly kept?: KeptGenerations
}

/** What became of a change: in force, or as if it had never been asked for. */
export type Applied =
  | {
      readonly outcome: 'applied'
      /** False when nginx did not run: there was nobody to ask, and its next start reads it. */
      readonly isProved: boolean
      /** Keys of the core's file that it takes at its next start only. */
      readonly needsRestart: readonly string[]
    }
  | Refused

interface Refused {
  readonly outcome: 'refused'
  readonly stage: 'nginx' | 'core' | 'probe'
  readonly reason: string
}

/** From the swap on; with the way back it is less than five seconds. */
const PROVE_MS = 3000
const BACK_MS = 1500
const POLL_MS = 40
/** So many answers in a row: workers of before go on accepting until they have heard of it. */
const SETTLED = 5

/**
 * Writes, tests, swaps, reloads and asks every listener; what fails is taken back. One at a time: the caller's lock. Throws
 * only when a step could not be done at all (a full disk), and then what was in force is in force again.
 */
export async function applyGeneration(candidate: Candidate, options: ApplyOptions): Promise<Applied> {
  const { places } = options
  const script = openApplyScript(places, options.programs)
  await writeGeneration(places, candidate.id, candidate.files)
  const tested = await script.test(candidate.id)
  if (tested.outcome === 'refused') return tested
  const previous = await findGeneration(places, 'current')
  const log = await watchErrorLog(places.prefix)
  let applied: Applied
  try {
    await script.swap(candidate.id)
    applied = await prove(candidate, { ...options, script, log })
  } catch (error) {
    await takeBack(previous, { ...options, script })
    throw error
  }
  if (applied.outcome === 'refused') {
    const left = await takeBack(previous, { ...options, script })
    return left === undefined ? applied : { ...applied, reason: `${applied.reason}; and ${left}` }
  }
  await script.keep(candidate.id)
  await removeOldGenerations(places, options.kept)
  return applied
}

interface Steps extends ApplyOptions {
  readonly script: ApplyScript
}

async function prove(
  { id, probes }: Candidate,
  { places, clock, script, log }: Steps & { readonly log: ErrorLog },
): Promise<Applied> {
  const signal = AbortSignal.timeout(PROVE_MS)
  const core = await reloadCore(places.controlSocket, signal)
  if (core.outcome === 'refused' || core.outcome === 'incomplete')
    return { outcome: 'refused', stage: 'core', reason: core.findings.join('; ') }
  const needsRestart = core.outcome === 'reloaded' ? core.needsRestart : []
  if ((await script.reload()) === 'stopped') {
    const running = await runningGeneration(places.generationSocket, signal)
    if (running === undefined) return { outcome: 'applied', isProved: false, needsRestart }
    const reason = `nginx runs ${running}, and is not the process of ${places.prefix}/nginx.pid`
    return { outcome: 'refused', stage: 'nginx', reason }
  }
  const taken = await untilTaken(id, { places, clock, log, signal })
  if (taken !== undefined) return { outcome: 'refused', stage: 'nginx', reason: taken }
  const hasCore = core.outcome !== 'unreachable'
  const found = await Promise.all(probes.map((probe) => probeUntil(probe, { hasCore, clock, signal })))
  const findings = found.filter((finding) => finding !== undefined)
  if (findings.length > 0) return { outcome: 'refused', stage: 'probe', reason: findings.join('; ') }
  return { outcome: 'applied', isProved: true, needsRestart }
}

/** A reload that nginx refuses leaves all as it was, and says so in its log alone. `undefined`: it runs the generation. */
async function untilTaken(
  id: string,
  {
    places,
    clock,
    log,
    signal,
  }: Pick<Steps, 'places' | 'clock'> & { readonly log?: ErrorLog; readonly signal: AbortSignal },
): Promise<string | undefined> {
  let running: string | undefined
  for (let times = 0; times < SETTLED; await clock.sleep(POLL_MS)) {
    running = await runningGeneration(places.generationSocket, signal)
    times = running === id ? times + 1 : 0
    const emergencies = (await log?.emergencies()) ?? []
    if (emergencies.length > 0) return emergencies.join('; ')
    if (signal.aborted) return `nginx ${running === undefined ? 'does not answer' : `still runs ${running}`}`
  }
  return undefined
}

/** Workers of before may take a connection until they have heard of it: what is wrong is asked again. */
async function probeUntil(
  probe: Probe,
  { clock, ...how }: { readonly hasCore: boolean; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string | undefined> {
  for (;;) {
    const found = await probeOnce(probe, how)
    if (found === undefined) return undefined
    await clock.sleep(POLL_MS)
    if (how.signal.aborted) return found
  }
}

/** Puts a generation in force that was before. Answers what is not as it was; `undefined` when all is. */
export async function takeBack(
  previous: string | undefined,
  { places, clock, script }: Steps,
): Promise<string | undefined> {
  if (previous === undefined) return 'there was none before it to go back to'
  await script.swap(previous)
  const signal = AbortSignal.timeout(BACK_MS)
  const left: string[] = []
  try {
    const core = await reloadCore(places.controlSocket, signal)
    if (core.outcome === 'refused' || core.outcome === 'incomplete') left.push(...core.findings)
  } catch (error) {
    left.push(Error.isError(error) ? error.message : String(error))
  }
  if ((await script.reload()) === 'reloaded') {
    const still = await untilTaken(previous, { places, clock, signal })
    if (still !== undefined) left.push(still)
  }
  return left.length === 0 ? undefined : left.join('; ')
}
