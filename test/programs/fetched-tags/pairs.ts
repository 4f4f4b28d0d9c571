import { FakeClock, outcome, turn } from '#core-test/fake-clock.js'
import { seededChance } from '#core-test/seeded-chance.js'
import type { SimulatedDisk } from '#core-test/simulated-disk.js'
import type { Call } from '#core-test/simulated-faults.js'
import type { Scheduling, SimulatedFs } from '#core-test/simulated-fs.js'

import {
  checkDisk,
  DIGESTS,
  ignoreCrash,
  move,
  newLedger,
  push,
  remove,
  startWorker,
  type Town,
  type Worker,
} from './town.js'

const [ONE, TWO, THREE] = DIGESTS
type Act = (worker: Worker, town: Town) => Promise<void>

const MOVE: Act = (worker, { ledger }) => (TWO ? move(worker, TWO, ledger) : Promise.resolve())
const MOVE_BACK: Act = (worker, { ledger }) => (ONE ? move(worker, ONE, ledger) : Promise.resolve())
const PUSH: Act = (worker, { ledger }) => (THREE ? push(worker, THREE, ledger) : Promise.resolve())
/** What the tag stands for already, or is about to. */
const PUSH_SAME: Act = (worker, { ledger }) => (TWO ? push(worker, TWO, ledger) : Promise.resolve())
const REMOVE: Act = (worker, town) => remove(town, worker)

/** Who is stopped first, who comes between, and what is there before. */
const PAIRS: readonly { readonly first: Act; readonly second: Act; readonly isThere: boolean }[] = [
  { first: MOVE, second: PUSH, isThere: true },
  { first: MOVE, second: PUSH, isThere: false },
  { first: PUSH, second: MOVE, isThere: true },
  { first: PUSH, second: MOVE, isThere: false },
  { first: MOVE, second: PUSH_SAME, isThere: true },
  { first: PUSH_SAME, second: MOVE, isThere: true },
  { first: MOVE, second: MOVE_BACK, isThere: true },
  { first: MOVE, second: MOVE, isThere: false },
  { first: REMOVE, second: MOVE, isThere: true },
  { first: MOVE, second: REMOVE, isThere: true },
  { first: REMOVE, second: PUSH, isThere: true },
]

/** What is done to the first one once both are stopped. */
const FATES = ['goes on', 'dies', 'power cut', 'power cut a little later'] as const

/** Lets each process make its calls only when it is its turn. */
class Turns implements Scheduling {
  readonly #waiting = new Map<SimulatedFs, (() => void)[]>()

  schedule(_call: Call, process: SimulatedFs, act: () => void): void {
    this.#waiting.set(process, [...(this.#waiting.get(process) ?? []), act])
  }

  passing(): void {
    // What is synchronous happens in one turn.
  }

  /** One call of the process takes effect; false when it waits for none. */
  async step(process: SimulatedFs): Promise<boolean> {
    const [act, ...others] = this.#waiting.get(process) ?? []
    this.#waiting.set(process, others)
    act?.()
    await turn()
    return act !== undefined
  }
}

/** Every pair, stopped at every call, or at every `stride`th of the second: the first after i of its calls, the second after j, then both go on. */
export async function runPairs(
  beginning: SimulatedDisk,
  { seed, stride }: { readonly seed: number; readonly stride: number },
): Promise<{ readonly runs: number; readonly wrong: readonly string[] }> {
  const wrong: string[] = []
  let runs = 0
  for (const [number, pair] of PAIRS.entries())
    for (const fate of FATES) {
      let isFirstOver = false
      for (let calls = 0; !isFirstOver; calls += 1) {
        let isSecondOver = false
        const step = fate === 'goes on' ? stride : stride * 3
        for (let between = (seed + calls) % step; !isSecondOver; between += step) {
          const run = await runPair(beginning, pair, { calls, between, fate })
          ;({ isFirstOver, isSecondOver } = run)
          runs += 1
          wrong.push(...run.wrong.map((one) => `pair ${number} ${fate} ${calls}/${between}: ${one}`))
        }
      }
    }
  return { runs, wrong }
}

async function runPair(
  beginning: SimulatedDisk,
  { first, second, isThere }: (typeof PAIRS)[number],
  { calls, between, fate }: { calls: number; between: number; fate: (typeof FATES)[number] },
): Promise<{ isFirstOver: boolean; isSecondOver: boolean; wrong: readonly string[] }> {
  const clock = new FakeClock({ tickMs: 1 })
  const disk = beginning.withTime(() => clock.now())
  const town: Town = { disk, ledger: newLedger() }
  const [one, other] = [await startWorker(disk, clock, 1), await startWorker(disk, clock, 2)]
  if (isThere) await outcome(clock, MOVE_BACK(one, town))
  const turns = new Turns()
  const running = new Set<SimulatedFs>()
  for (const [act, worker] of [
    [first, one],
    [second, other],
  ] as const) {
    worker.fs.scheduling = turns
    running.add(worker.fs)
    void act(worker, town)
      .catch(ignoreCrash)
      .finally(() => running.delete(worker.fs))
  }
  await turn()
  const go = async (process: SimulatedFs, count: number): Promise<void> => {
    for (let done = 0; done < count && running.has(process); done += 1)
      if (!(await turns.step(process)) && clock.hasSleeper()) await clock.wakeNext()
  }
  await go(one.fs, calls)
  const isFirstOver = !running.has(one.fs)
  await go(other.fs, between)
  const isSecondOver = !running.has(other.fs)
  if (fate === 'power cut a little later') await go(one.fs, 1 + ((calls + between) % 8))
  if (fate.startsWith('power cut')) {
    const after = disk.afterPowerCut('weak', seededChance(calls * 1000 + between))
    return { isFirstOver, isSecondOver, wrong: await checkDisk(after, town.ledger, { now: clock.now() }) }
  }
  if (fate === 'dies') one.fs.kill()
  else await go(one.fs, 1000)
  await go(other.fs, 1000)
  return { isFirstOver, isSecondOver, wrong: await checkDisk(disk, town.ledger, { now: clock.now() }) }
}
