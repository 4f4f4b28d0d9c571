import { createWriteStream, mkdirSync, rmSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { run } from '../support/commands.js'
import { eligibleBlobs } from '../support/distribution.js'
import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import { supportScript } from '../support/scripts.js'
import { ServedVolume, serverUnderTest } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'

const MIB = 1024 * 1024
const LAYER_MIB = 2048

const KINDS: readonly DaemonKind[] = [
  { title: 'dockerd 20', suite: 'own', store: 'graph driver' },
  { title: 'dockerd 28, graph driver', suite: 'sid', store: 'graph driver' },
  { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
]

describe.each(KINDS)('$title', (kind) => {
  let state: StateFolder
  let volume: ServedVolume
  let daemon: DockerDaemon

  beforeAll(async () => {
    state = new StateFolder()
    volume = await ServedVolume.open(state, serverUnderTest())
    daemon = await DockerDaemon.start(state.join('docker'), kind)
  })
  afterAll(async () => {
    await volume.close()
    await state.destroy()
  })

  /** An image of one layer that nothing can compress. */
  async function importImage(name: string): Promise<void> {
    const folder = state.join('content')
    mkdirSync(folder)
    const pieces = Readable.from(
      (function* () {
        for (let piece = 0; piece < LAYER_MIB; piece++) yield randomBytes(MIB)
      })(),
    )
    await pipeline(pieces, createWriteStream(`${folder}/random`))
    const imported = 'tar -cC "$1" . | "$2" exec "$3" docker import - "$4"'
    const parts = [folder, supportScript('dockerd.sh'), state.join('docker'), name]
    await run('bash', ['-o', 'pipefail', '-c', imported, 'bash', ...parts])
    rmSync(folder, { recursive: true })
  }

  test('pushes a layer of 2 GiB and pulls it again', async () => {
    const name = `${volume.host}/large`
    await importImage(name)
    const made = await daemon.identity(name)
    await daemon.docker('push', name)
    await daemon.forget(name)
    await daemon.docker('pull', name)
    expect((await daemon.identity(name)).diffIds).toEqual(made.diffIds)
    expect(await eligibleBlobs(volume.root)).toEqual([])
  })
})
