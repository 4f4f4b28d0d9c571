import { FakeClock, outcome } from '#core-test/fake-clock.js'
import { SimulatedDisk } from '#core-test/simulated-disk.js'
import { SimulatedFs } from '#core-test/simulated-fs.js'
import { openProcess, type OpenedProcess, STORE_ROOT } from '#core-test/simulated-store.js'

import { Client } from './client.js'
import type { Ledger } from './ledger.js'

/** A machine: its disk and clock. Processes come and go on it. */
export interface Machine {
  readonly disk: SimulatedDisk
  readonly clock: FakeClock
  /** Changes with each start of the machine. */
  readonly boot: string
  /** Processes started so far: each draws names of its own, as real ones do. */
  starts: number
}

/** A process that serves clients on a machine. */
export interface Running {
  readonly machine: Machine
  readonly fs: SimulatedFs
  readonly process: OpenedProcess
  readonly client: Client
}

/** Changes a process's file system before the store is opened on it: nothing, or a way to break it. */
export type Tamper = (fs: SimulatedFs) => void

/** A machine with an empty folder for the store. */
export function newMachine(): Machine {
  const clock = newClock()
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  disk.syncDirectory('/')
  return { disk, clock, boot: 'boot0000', starts: 0 }
}

/** Another machine with this disk; its clock goes on where the other one stood. */
export function machineWith(disk: SimulatedDisk, before: Machine, boot: string): Machine {
  const clock = newClock(before.clock.now())
  return { disk: disk.withTime(() => clock.now()), clock, boot, starts: before.starts }
}

function newClock(start?: Date): FakeClock {
  return new FakeClock({ tickMs: 1, ...(start && { start }) })
}

/** Starts the core on a machine. */
export async function start(machine: Machine, ledger: Ledger, tamper: Tamper): Promise<Running> {
  machine.starts += 1
  const fs = new SimulatedFs(machine.disk)
  tamper(fs)
  const process = await outcome(
    machine.clock,
    openProcess({ fs, clock: machine.clock, seed: machine.starts, boot: machine.boot }),
  )
  return { machine, fs, process, client: new Client(process, ledger) }
}
