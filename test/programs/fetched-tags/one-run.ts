import { FakeClock, outcome } from '#core-test/fake-clock.js'
import { type Chance, seededChance } from '#core-test/seeded-chance.js'
import type { SimulatedDisk } from '#core-test/simulated-disk.js'

import { Scheduler } from '../interleaving/scheduler.js'
import {
  checkDisk,
  checkLink,
  DIGESTS,
  ignoreCrash,
  type Ledger,
  move,
  newLedger,
  push,
  recheck,
  remove,
  startWorker,
  type Town,
  type Worker,
} from './town.js'

/** What one seed came to. */
interface RunOutcome {
  readonly steps: number
  readonly pushes: number
  readonly moves: number
  readonly wrong: readonly string[]
}

/** A few clients, mirrors and removers of one tag; then a look at it. */
export async function runSeed(seed: number, beginning: SimulatedDisk): Promise<RunOutcome> {
  const chance = seededChance(seed)
  const clock = new FakeClock({ tickMs: 1 })
  const disk = beginning.withTime(() => clock.now())
  const scheduler = new Scheduler(chance, clock)
  const workers: Worker[] = []
  for (let number = 0; number < 3; number += 1) {
    workers.push(await startWorker(disk, clock, seed * 8 + number))
  }
  const ledger = newLedger()
  if (chance.happens(0.7)) {
    const [worker] = workers
    if (worker) await outcome(clock, move(worker, chance.pick(DIGESTS), ledger))
  }
  for (const { fs } of workers) fs.scheduling = scheduler
  const actors = actorsOf({ chance, workers, ledger, disk })
  const wrong: string[] = []
  const killAt = chance.happens(0.3) ? chance.below(150) : Number.POSITIVE_INFINITY
  const cutAt = chance.happens(0.3) ? chance.below(150) : Number.POSITIVE_INFINITY
  let cut: { readonly disk: SimulatedDisk; readonly ledger: Ledger } | undefined
  scheduler.afterStep = () => {
    if (ledger.answered > 0) wrong.push(...checkLink(disk, ledger))
    if (scheduler.steps === killAt) chance.pick(workers).fs.kill()
    if (scheduler.steps === cutAt)
      cut = {
        disk: disk.afterPowerCut(chance.pick(['ordered', 'weak']), chance),
        ledger: { ...ledger, begun: new Set(ledger.begun) },
      }
  }
  await scheduler.run(actors)
  wrong.push(...(await checkDisk(disk, ledger, { now: clock.now() })).map((one) => `at the end: ${one}`))
  if (cut)
    wrong.push(
      ...(await checkDisk(cut.disk, cut.ledger, { now: clock.now() })).map(
        (one) => `after a power cut: ${one}`,
      ),
    )
  return { steps: scheduler.steps, pushes: ledger.answered, moves: ledger.moves, wrong }
}

interface Crowd extends Town {
  readonly chance: Chance
  readonly workers: readonly Worker[]
}

function actorsOf(town: Crowd): ReadonlyMap<string, () => Promise<void>> {
  const { chance, workers, ledger } = town
  const actors = new Map<string, () => Promise<void>>()
  const kinds = chance.pick([
    'move',
    'move push',
    'move push',
    'move push remove',
    'move remove',
    'move move push check',
  ])
  for (let number = 0; number < 2 + chance.below(4); number += 1) {
    const kind = chance.pick(kinds.split(' '))
    const worker = chance.pick(workers)
    const digest = chance.pick(DIGESTS)
    const acts: Record<string, () => Promise<void>> = {
      move: () => move(worker, digest, ledger),
      push: () => push(worker, digest, ledger),
      remove: () => remove(town, worker),
      check: () => recheck(worker, digest),
    }
    const act = acts[kind]
    if (act) actors.set(`${kind} ${number}`, () => Promise.race([act(), worker.fs.died]).catch(ignoreCrash))
  }
  return actors
}
