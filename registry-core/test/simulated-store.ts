import { openRegistry } from '#core/registry/open-registry.js'
import type { Registry } from '#core/registry/source.js'
import { openStore, type OpenedStore } from '#core/store/filesystem/open-store.js'
import type { Fs } from '#core/store/fs.js'
import type { Clock } from '#core/system/clock.js'
import type { Identity } from '#core/system/identity.js'
import type { Log } from '#core/system/log.js'
import type { Random } from '#core/system/random.js'

import { FakeClock } from './fake-clock.js'
import { seededRandom } from './seeded-chance.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SimulatedFs } from './simulated-fs.js'

/** The folder that the store lies in on a simulated disk. */
export const STORE_ROOT = '/store'

/** A log that nobody reads. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** The identity of a process that a test makes up. */
export function fakeIdentity({
  clock,
  random,
  boot,
}: {
  readonly clock: Clock
  readonly random: Random
  readonly boot: string
}): Identity {
  return {
    process: `1-${random.hex(4)}`,
    boot,
    pidNamespace: boot,
    newRunId() {
      const utc = clock.now().toISOString().replaceAll(/[-:]/g, '').replace('.', '')
      return `${utc}-${Math.floor(clock.elapsedMs() / 1000)}-${boot.slice(0, 8)}-${random.hex(6)}`
    },
  }
}

/** A process of the core: its store and the repositories on it. */
export interface OpenedProcess {
  readonly store: OpenedStore
  readonly registry: Registry
}

/** Opens the store as the core does at its start. A seed stands for one process; `boot` for one start of the machine. */
export async function openProcess({
  fs,
  clock,
  seed,
  boot,
  root = STORE_ROOT,
}: {
  readonly fs: Fs
  readonly clock: Clock
  readonly seed: number
  readonly boot: string
  readonly root?: string
}): Promise<OpenedProcess> {
  const random = seededRandom(seed)
  const store = await openStore({
    root,
    fs,
    clock,
    random,
    identity: fakeIdentity({ clock, random, boot }),
    log: silentLog,
    trySecondProcess: async () => true,
  })
  return { store, registry: openRegistry({ store, clock, log: silentLog }) }
}

/** The only process, on a disk of its own with nothing but the empty folder. */
export async function openAlone(): Promise<{
  readonly clock: FakeClock
  readonly fs: SimulatedFs
  readonly core: OpenedProcess
}> {
  const clock = new FakeClock({ tickMs: 1 })
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  disk.syncDirectory('/')
  const fs = new SimulatedFs(disk)
  return { clock, fs, core: await openProcess({ fs, clock, seed: 1, boot: 'boot0000' }) }
}
