import { outcome } from '#core-test/fake-clock.js'
import { seededChance } from '#core-test/seeded-chance.js'
import type { SimulatedDisk } from '#core-test/simulated-disk.js'

import { afterKill, checkWriters, heal, powerCut, reopen, resume, sceneOn } from './examine.js'
import { Ledger } from './ledger.js'
import { prepareStore, type Scenario } from './scenarios.js'
import type { Findings } from './findings.js'
import { type Machine, machineWith, newMachine, start, type Tamper } from './world.js'

/** A moment at which everything may end. */
interface Moment {
  readonly disk: SimulatedDisk
  readonly ledger: Ledger
  /** The call that has not happened. */
  readonly before: string
}

/** A store with its first content, from which every scenario starts. */
export interface Prepared {
  readonly machine: Machine
  readonly ledger: Ledger
}

export async function prepared(tamper: Tamper): Promise<Prepared> {
  const machine = newMachine()
  const ledger = new Ledger()
  const main = await start(machine, ledger, tamper)
  await outcome(machine.clock, prepareStore(sceneOn(main, tamper)))
  await outcome(machine.clock, main.process.store.journal.flush())
  return { machine, ledger }
}

/** Ends an operation before each of its calls, by kill -9 and by power cuts, and examines what is found then. */
export async function exploreCrashes(
  scenario: Scenario,
  base: Prepared,
  { seed, cuts, tamper, findings }: Exploration,
): Promise<void> {
  const { machine, moments } = await momentsOf(scenario, base, tamper)
  for (const [number, moment] of moments.entries()) {
    const at: Machine = { ...machine, disk: moment.disk }
    await findings.examine(`${scenario.name}/${number}/kill`, () =>
      examine(scenario, afterKill(at), moment, { seed: seed + number, isPageCacheKept: true, tamper }),
    )
    for (const mode of ['ordered', 'weak'] as const)
      for (let cut = 0; cut < cuts; cut += 1)
        await findings.examine(`${scenario.name}/${number}/${mode}/${cut}`, () => {
          const chance = seededChance(seed + number * 1000 + cut)
          return examine(scenario, powerCut(at, mode, chance), moment, {
            seed: seed + number,
            isPageCacheKept: false,
            tamper,
          })
        })
  }
}

export interface Exploration {
  readonly seed: number
  /** Power cuts tried at each moment, in each of the two modes. */
  readonly cuts: number
  readonly tamper: Tamper
  readonly findings: Findings
}

/** Runs the operation once and keeps the disk as it was before each call that found it changed, and at the end. */
async function momentsOf(
  scenario: Scenario,
  base: Prepared,
  tamper: Tamper,
): Promise<{ readonly machine: Machine; readonly moments: readonly Moment[] }> {
  const machine = machineWith(base.machine.disk.clone(), base.machine, base.machine.boot)
  const ledger = base.ledger.clone()
  const moments: Moment[] = []
  let version = -1
  let isWatching = false
  const note = (before: string): void => {
    if (!isWatching || machine.disk.version === version) return
    version = machine.disk.version
    moments.push({ disk: machine.disk.clone(), ledger: ledger.clone(), before })
  }
  const watch: Tamper = (fs) => {
    tamper(fs)
    fs.beforeEffect = ({ name, path, to }) => note([name, path, to].join(' '))
  }
  const main = await start(machine, ledger, watch)
  const scene = sceneOn(main, watch)
  if (scenario.prepare) await outcome(machine.clock, scenario.prepare(scene))
  isWatching = true
  await outcome(machine.clock, scenario.run(scene))
  await outcome(machine.clock, main.process.store.journal.flush())
  version = -1
  note('the end')
  return { machine, moments }
}

async function examine(
  scenario: Scenario,
  machine: Machine,
  { ledger, before }: Moment,
  options: { readonly seed: number; readonly isPageCacheKept: boolean; readonly tamper: Tamper },
): Promise<readonly string[]> {
  const { seed, tamper } = options
  const { running, wrong } = await reopen(machine, ledger.clone(), tamper)
  const found = [
    ...wrong,
    ...(await checkWriters(running)),
    ...(await resume(running, options)),
    ...(await heal(running, scenario, seed, tamper)),
  ]
  return found.map((one) => `before ${before}: ${one}`)
}
