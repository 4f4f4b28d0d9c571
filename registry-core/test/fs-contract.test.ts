import { mkdtempSync } from 'node:fs'
import { rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { nodeFs } from '#core/store/node-fs.js'

import { FakeClock } from './fake-clock.js'
import { fsContract } from './fs-contract.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SimulatedFs } from './simulated-fs.js'

fsContract('real', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'e-'))
  return {
    fs: nodeFs,
    folder,
    plantLink: (target) => symlink('/nowhere', target),
    remove: () => rm(folder, { recursive: true }),
  }
})

fsContract('simulated', async () => {
  const clock = new FakeClock()
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory('/folder')
  return {
    fs: new SimulatedFs(disk),
    folder: '/folder',
    plantLink: async (target) => disk.plant(target),
    remove: async () => undefined,
  }
})
