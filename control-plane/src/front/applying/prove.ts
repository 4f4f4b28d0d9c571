import { reloadCore } from '../../core/reload-core.js'
import type { Clock } from '../../system/clock.js'
import type { ApplyScript } from './apply-script.js'
import { type Probe, probeOnce, runningGeneration } from './ask-nginx.js'
import { type ErrorLog, watchErrorLog } from './error-log.js'
import type { ApplyPlaces } from './apply-places.js'

/** From the swap on; with the way back it is less than five seconds. */
const PROVE_MS = 3000
const BACK_MS = 1500
/** What a listener answers for so long, nginx having settled, it goes on answering. */
const RETRY_MS = 2000
const POLL_MS = 40
/** So many answers in a row: workers of before go on accepting until they have heard of it. */
const SETTLED = 5

/** What a generation that was swapped in turned out to be. */
export type Proved =
  | {
      readonly outcome: 'applied'
      /** False when nginx did not run: there was nobody to ask, and its next start reads it. */
      readonly isProved: boolean
      /** Keys of the core's file that it takes at its next start only. */
      readonly needsRestart: readonly string[]
    }
  | {
      readonly outcome: 'refused'
      readonly stage: 'nginx' | 'core' | 'probe'
      readonly reason: string
    }

/** Where the parts are reached, and the script that tells nginx. */
export interface ProveOptions {
  readonly places: ApplyPlaces
  readonly clock: Clock
  readonly script: ApplyScript
}

/** Tells the core, and nginx unless it runs the same already, and asks every listener. */
export async function prove(
  { id, probes, reloadsNginx }: { id: string; probes: readonly Probe[]; reloadsNginx: boolean },
  { places, clock, script }: ProveOptions,
): Promise<Proved> {
  const signal = AbortSignal.timeout(PROVE_MS)
  const log = await watchErrorLog(places.prefix)
  const core = await reloadCore(places.controlSocket, signal)
  if (core.outcome === 'refused' || core.outcome === 'incomplete')
    return { outcome: 'refused', stage: 'core', reason: core.findings.join('; ') }
  const needsRestart = core.outcome === 'reloaded' ? core.needsRestart : []
  if (reloadsNginx) {
    const told = await tellNginx(id, { places, clock, script, log, signal })
    if (told === 'stopped') return { outcome: 'applied', isProved: false, needsRestart }
    if (told !== 'taken') return { outcome: 'refused', stage: 'nginx', reason: told.reason }
  }
  const hasCore = core.outcome !== 'unreachable'
  const found = await Promise.all(probes.map((probe) => probeUntil(probe, { hasCore, clock, signal })))
  const findings = found.filter((finding) => finding !== undefined)
  if (findings.length > 0) return { outcome: 'refused', stage: 'probe', reason: findings.join('; ') }
  return { outcome: 'applied', isProved: true, needsRestart }
}

interface Waiting extends ProveOptions {
  readonly log?: ErrorLog
  readonly signal: AbortSignal
}

async function tellNginx(
  id: string,
  options: Waiting,
): Promise<'taken' | 'stopped' | { readonly reason: string }> {
  const { places, script, signal } = options
  if ((await script.reload()) === 'stopped') {
    const running = await runningGeneration(places.generationSocket, signal)
    if (running === undefined) return 'stopped'
    return { reason: `nginx runs ${running}, and is not the process of ${places.prefix}/nginx.pid` }
  }
  const reason = await untilTaken(id, options)
  return reason === undefined ? 'taken' : { reason }
}

/** A reload that nginx refuses leaves all as it was, and says so in its log alone. `undefined`: it runs the generation. */
async function untilTaken(
  id: string,
  { places, clock, log, signal }: Omit<Waiting, 'script'>,
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

/** The core may just be taking what it was told, and the machine be busy: what is wrong is asked again for a while. */
async function probeUntil(
  probe: Probe,
  { clock, ...how }: { readonly hasCore: boolean; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string | undefined> {
  const endMs = clock.elapsedMs() + RETRY_MS
  let wrong: string | undefined
  for (;;) {
    const found = await probeOnce(probe, how)
    if (found === undefined) return undefined
    if (how.signal.aborted) return wrong ?? found // what cut the question short says nothing of the listener
    wrong = found
    if (clock.elapsedMs() > endMs) return wrong
    await clock.sleep(POLL_MS)
  }
}

/** Puts a generation in force that was before. Answers what is not as it was; `undefined` when all is. */
export async function takeBack(
  previous: string | undefined,
  { places, clock, script }: ProveOptions,
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
