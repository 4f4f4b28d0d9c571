import { mkdtempSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { nodeFs } from '#core/store/node-fs.js'
import { systemClock } from '#core/system/clock.js'

import { FakeClock } from './fake-clock.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SimulatedFs } from './simulated-fs.js'
import { openProcess, STORE_ROOT } from './simulated-store.js'
import { storeContract } from './store-contract.js'

storeContract('on the real file system', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'e-'))
  const open = (seed: number) => openProcess({ fs: nodeFs, clock: systemClock, seed, boot: 'boot0000', root })
  const { store } = await open(1)
  return {
    store,
    another: async () => (await open(2)).store,
    async damage(target, bytes) {
      await mkdir(path.dirname(path.join(root, target)), { recursive: true })
      await writeFile(path.join(root, target), bytes)
    },
    async remove() {
      await store.close()
      await rm(root, { recursive: true })
    },
  }
})

storeContract('on the simulated file system', async () => {
  const clock = new FakeClock({ tickMs: 1 })
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  const open = (seed: number) => openProcess({ fs: new SimulatedFs(disk), clock, seed, boot: 'boot0000' })
  const { store } = await open(1)
  return {
    store,
    another: async () => (await open(2)).store,
    async damage(target, bytes) {
      const file = path.join(STORE_ROOT, target)
      if (disk.find(path.dirname(file)) === undefined) disk.makeDirectory(path.dirname(file))
      const inode = disk.find(file) ?? disk.createFile(file)
      disk.truncate(inode, 0)
      disk.write(inode, bytes, 0)
    },
    remove: () => store.close(),
  }
})
