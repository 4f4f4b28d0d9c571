import { isRegistryError } from '#core/oci/failure.js'
import { errorCode } from '#core/store/fs.js'
import { outcome } from '#core-test/fake-clock.js'
import { seededChance } from '#core-test/seeded-chance.js'
import { type Call, canFail, FAULT_CODES, type FaultCode, finds } from '#core-test/simulated-faults.js'

import { checkAnswers } from './check-answers.js'
import type { Exploration, Prepared } from './crashes.js'
import { check, checkWriters, close, heal, powerCut, reopen, sceneOn } from './examine.js'
import { textOf } from './text-of.js'
import type { Scenario, Scene } from './scenarios.js'
import { machineWith, type Running, start, type Tamper } from './world.js'

/** What a client may be told when the disk fails (503 and 507); anything else would be a lie or a bug. */
const HONEST: ReadonlySet<string> = new Set([
  'storage-failing',
  'storage-full',
  'server-busy',
  'store-refused',
])

/** How long a fault lasts: one call, or until somebody mends the disk. */
const SPANS = ['once', 'lasting'] as const
type Span = (typeof SPANS)[number]

/** Lets each call of an operation fail in every way it can, and examines what the client and the store make of it. */
export async function exploreFaults(
  scenario: Scenario,
  base: Prepared,
  { seed, tamper, findings }: Exploration,
): Promise<void> {
  const calls = await callsOf(scenario, base, tamper)
  for (const [index, { call, isTaken }] of calls.entries())
    for (const code of FAULT_CODES)
      for (const span of SPANS)
        if (
          canFail(call.name, code) &&
          !(isTaken && finds(call.name, code)) &&
          isWorthTrying(call, code, span)
        )
          await findings.examine(`${scenario.name}/${index}/${code}/${span}`, async () => {
            const found = await examine(scenario, base, { index, code, span }, { seed: seed + index, tamper })
            return found.map((one) => `${call.name} ${call.path} fails: ${one}`)
          })
}

/** A disk that gives no byte back any more is not the store's to survive; one that takes none is. */
function isWorthTrying({ name }: Call, code: FaultCode, span: Span): boolean {
  return span === 'once' || code !== 'EIO' || name === 'sync' || name === 'syncDirectory' || name === 'write'
}

/** The calls of an operation that nothing disturbs, in their order. */
async function callsOf(
  scenario: Scenario,
  base: Prepared,
  tamper: Tamper,
): Promise<readonly { readonly call: Call; readonly isTaken: boolean }[]> {
  const calls: { readonly call: Call; readonly isTaken: boolean }[] = []
  const { scene, processes } = await sceneOf(scenario, base, tamper, (call) => {
    const isTaken = processes[0]?.machine.disk.find(call.to ?? call.path) !== undefined
    calls.push({ call, isTaken })
  })
  await outcome(scene.main.machine.clock, scenario.run(scene))
  return calls
}

interface Trial {
  readonly index: number
  readonly code: FaultCode
  readonly span: Span
}

async function examine(
  scenario: Scenario,
  base: Prepared,
  { index, code, span }: Trial,
  { seed, tamper }: { readonly seed: number; readonly tamper: Tamper },
): Promise<readonly string[]> {
  let seen = 0
  const { scene, processes } = await sceneOf(scenario, base, tamper, (call) => {
    if (seen === index) for (const process of processes) process.fs.fail(faultOf(call, code, span))
    seen += 1
  })
  const { main } = scene
  const wrong: string[] = []
  const error = await failureOf(main, scenario.run(scene))
  if (error !== undefined && !isHonest(error)) wrong.push(`the client is told ${textOf(error)}`)
  if ((code === 'ENOSPC' || code === 'EROFS') && scenario.isRescue !== true)
    wrong.push(...(await checkReads(main)))
  for (const process of processes) process.fs.heal()
  main.machine.clock.step(10_000)
  await outcome(main.machine.clock, main.machine.clock.advance(10_000))
  wrong.push(...(await check(main)), ...(await checkWriters(main)))
  wrong.push(...(await afterPowerCut(main, seed, tamper)))
  if (error !== undefined || span === 'lasting') wrong.push(...(await heal(main, scenario, seed, tamper)))
  else wrong.push(...(await close(main)))
  return wrong
}

/** What was acknowledged, by the operation too if it was, is on the disk. */
async function afterPowerCut(main: Running, seed: number, tamper: Tamper): Promise<readonly string[]> {
  const chance = seededChance(seed)
  const machine = powerCut(main.machine, chance.pick(['ordered', 'weak']), chance)
  const { wrong } = await reopen(machine, main.client.ledger.clone(), tamper)
  return wrong.map((one) => `and after a power cut: ${one}`)
}

/** While the disk takes nothing any more, everything that was there is answered as before. */
async function checkReads({ machine, process, client }: Running): Promise<readonly string[]> {
  try {
    const wrong = await outcome(machine.clock, checkAnswers(process, client.ledger))
    return wrong.map((one) => `while the fault lasts: ${one}`)
  } catch (error) {
    return [`while the fault lasts reads fail: ${textOf(error)}`]
  }
}

async function failureOf({ machine }: Running, work: Promise<void>): Promise<unknown> {
  try {
    await outcome(machine.clock, work)
    return undefined
  } catch (error) {
    return error
  }
}

function isHonest(error: unknown): boolean {
  if (isRegistryError(error)) return HONEST.has(error.failure)
  const code = errorCode(error)
  return FAULT_CODES.some((one) => one === code)
}

/** Lasting faults of a full or read-only disk hit all that writes; those of a dying one only what failed first. */
function faultOf(first: Call, code: FaultCode, span: Span): Parameters<Running['fs']['fail']>[0] {
  if (span === 'once') return { code, times: 1 }
  return code === 'EIO' ? { code, fits: ({ name }) => name === first.name } : { code }
}

/** A scene on a copy of the prepared store; `each` hears of every call once the operation has begun. */
async function sceneOf(
  scenario: Scenario,
  base: Prepared,
  tamper: Tamper,
  each: (call: Call) => void,
): Promise<{ readonly scene: Scene; readonly processes: readonly Running[] }> {
  const machine = machineWith(base.machine.disk.clone(), base.machine, base.machine.boot)
  const ledger = base.ledger.clone()
  const main = await start(machine, ledger, tamper)
  const processes = [main]
  const quiet = sceneOn(main, tamper)
  if (scenario.prepare) await outcome(machine.clock, scenario.prepare(quiet))
  await outcome(machine.clock, main.process.store.journal.flush())
  main.fs.beforeCall = each
  return {
    processes,
    scene: {
      main,
      async another() {
        const other = await start(machine, ledger, tamper)
        other.fs.beforeCall = each
        processes.push(other)
        return other
      },
    },
  }
}
