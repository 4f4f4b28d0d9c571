import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { Containerd } from '../support/containerd.js'
import { eligibleBlobs } from '../support/distribution.js'
import { ImageLayout } from '../support/image-layout.js'
import { type Front, ServedVolume, serverUnderTest } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import type { Suite } from '../support/toolbox.js'

const CASES: readonly { suite: Suite; front: Front }[] = [
  { suite: 'own', front: 'plain HTTP' },
  { suite: 'own', front: 'TLS of its own' },
  { suite: 'sid', front: 'nginx with TLS' },
]
const PLATFORMS = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
]

describe.each(CASES)("Debian's containerd ($suite) by $front", ({ suite, front }) => {
  let state: StateFolder
  let volume: ServedVolume
  let containerd: Containerd
  let reference: string
  let digest: string

  beforeAll(async () => {
    state = new StateFolder()
    volume = await ServedVolume.open(state, serverUnderTest(), front)
    reference = `${volume.host}/multi:1`
    containerd = await Containerd.start(suite, state, volume)
    process.stdout.write(await containerd.ctr('--version'))
    const layout = new ImageLayout(state.join('layout'))
    const shape = { seed: `containerd ${suite}`, layers: 3, layerBytes: 2_000_000 }
    digest = layout.addIndex(reference, shape, PLATFORMS).index.digest
    await containerd.load(layout.folder)
  })
  afterAll(async () => {
    await containerd.stop()
    await volume.close()
    await state.destroy()
  })

  test('pushes an index with the images of all its platforms', async () => {
    await containerd.ctr('images', 'push', ...containerd.reach, reference)
    expect((await volume.pullWhole('multi', '1')).digest).toBe(digest)
  })

  test('pulls all of it after it has thrown it away, over a connection that is cut in a layer', async () => {
    await containerd.ctr('images', 'rm', '--sync', reference)
    expect(await containerd.ctr('content', 'ls', '--quiet')).toBe('')
    const cut = volume.faults.cutOnce('down', 1_000_000)
    const from = volume.requests().length
    await containerd.ctr('images', 'pull', ...containerd.reach, '--all-platforms', reference)
    await cut
    expect(await containerd.ctr('images', 'ls')).toContain(digest)
    const asked = volume.requests().slice(from)
    expect(asked.filter(({ isPartial }) => isPartial)).not.toEqual([])
  })

  test("Distribution's collector finds nothing to delete in what was pushed", async () => {
    expect(await eligibleBlobs(volume.root)).toEqual([])
  })
})
