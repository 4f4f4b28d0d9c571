import { isRegistryError } from '#core/oci/failure.js'
import { outcome } from '#core-test/fake-clock.js'
import { type Chance, seededChance } from '#core-test/seeded-chance.js'
import type { SurvivalMode } from '#core-test/simulated-entries.js'

import { checkAnswers } from './check-answers.js'
import { checkRecords } from './check-records.js'
import { checkMarks, checkTagIndexes, checkTree } from './check-tree.js'
import type { Ledger } from './ledger.js'
import { textOf } from './text-of.js'
import { purge, type Scenario, type Scene } from './scenarios.js'
import { type Machine, machineWith, type Running, start, type Tamper } from './world.js'

/** How much may be open in a process that serves nobody: the journal and the records of the day. */
const RESTING_FILES = 2

/** Opens the store on a machine and checks all that the ledger knows. */
export async function reopen(
  machine: Machine,
  ledger: Ledger,
  tamper: Tamper,
): Promise<{ readonly running: Running; readonly wrong: readonly string[] }> {
  const running = await start(machine, ledger, tamper)
  return { running, wrong: await check(running) }
}

/** The answers to clients, and the tree on the disk. */
export async function check({ machine, process, client }: Running): Promise<readonly string[]> {
  const answers = await outcome(machine.clock, checkAnswers(process, client.ledger))
  const { ledger } = client
  const { disk } = machine
  return [
    ...answers,
    ...checkTree(disk, ledger.damaged),
    ...checkTagIndexes(disk),
    ...checkMarks(disk),
    ...checkRecords(disk, ledger),
  ]
}

/** No revision may look as if registry:2 had written it: collection would stop for ever (gc-protocol §7). */
export async function checkWriters({ process, machine }: Running): Promise<readonly string[]> {
  await outcome(machine.clock, process.store.lookForForeignWriter(new AbortController().signal))
  return process.store.warnings()
}

/** The client goes on with its upload where the store says it stands. */
export async function resume(
  { machine, client }: Running,
  { isPageCacheKept }: { readonly isPageCacheKept: boolean },
): Promise<readonly string[]> {
  const { session } = client.ledger
  if (session === undefined) return []
  const { repository, upload, piece, acknowledgedBytes } = session
  const found = await outcome(machine.clock, client.offset(repository, upload))
  if (found === undefined) return isPageCacheKept ? [`the upload is gone, though no byte was lost`] : []
  if (found > piece.bytes.length) return [`the upload stands at ${found} of ${piece.bytes.length} bytes`]
  if (isPageCacheKept && found < acknowledgedBytes)
    return [`the upload stands at ${found}, ${acknowledgedBytes} bytes were answered with 202`]
  try {
    await outcome(
      machine.clock,
      (async () => {
        await client.patch(repository, upload, piece.bytes.subarray(found))
        await client.finish(repository, upload, piece)
      })(),
    )
  } catch (error) {
    const isGone = isRegistryError(error) && error.failure === 'upload-unknown'
    return isGone && !isPageCacheKept ? [] : [`the upload does not go on: ${textOf(error)}`]
  }
  return []
}

/** Repeats the operation: it must succeed, and be durable when it has. */
export async function heal(
  running: Running,
  scenario: Scenario,
  seed: number,
  tamper: Tamper,
): Promise<readonly string[]> {
  const { machine, client } = running
  const wrong: string[] = []
  try {
    await outcome(machine.clock, scenario.run(sceneOn(running, tamper)))
  } catch (error) {
    return [`repeating the operation fails: ${textOf(error)}`]
  }
  wrong.push(...(await check(running)))
  const chance = seededChance(seed)
  const { running: later, wrong: lost } = await reopen(
    powerCut(machine, chance.pick(['ordered', 'weak']), chance),
    client.ledger.clone(),
    tamper,
  )
  wrong.push(...lost.map((one) => `after a repetition and a power cut: ${one}`))
  wrong.push(...(await close(later)))
  return [...wrong, ...(await close(running))]
}

/** What a week of housekeeping and a proper end leave behind. */
export async function close({ machine, process, fs }: Running): Promise<readonly string[]> {
  const wrong: string[] = []
  await outcome(machine.clock, process.store.journal.flush())
  if (fs.openFiles > RESTING_FILES) wrong.push(`${fs.openFiles} files are still open`)
  try {
    await outcome(machine.clock, purge({ main: { machine, process } }))
  } catch (error) {
    wrong.push(textOf(error))
  }
  await outcome(machine.clock, process.registry.close())
  await outcome(machine.clock, process.store.close())
  if (fs.openFiles > 0) wrong.push(`${fs.openFiles} files are open after the end`)
  return wrong
}

/** The machine after a power cut now. */
export function powerCut(machine: Machine, mode: SurvivalMode, chance: Chance): Machine {
  return machineWith(machine.disk.afterPowerCut(mode, chance), machine, 'boot0001')
}

/** The machine after its processes were killed now. */
export function afterKill(machine: Machine): Machine {
  return machineWith(machine.disk.clone(), machine, machine.boot)
}

/** A scene whose second process is started when it is asked for. */
export function sceneOn(main: Running, tamper: Tamper): Scene {
  return { main, another: () => start(main.machine, main.client.ledger, tamper) }
}
