import { mkdirSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'

import { readBlock, writeFiles } from '../support/client-page.js'
import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import { holdImage } from '../support/held-image.js'
import type { LayoutImage } from '../support/image-layout.js'
import { MirroredHubs } from '../support/mirrored-hubs.js'
import { StateFolder } from '../support/state-folder.js'

const DAEMONS: readonly DaemonKind[] = [
  { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' },
  { title: 'dockerd 28, graph driver', suite: 'sid', store: 'graph driver' },
  { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
]

describe.each(DAEMONS)('$title with the files of docs/clients/docker.md', (kind) => {
  const { store } = kind
  let state: StateFolder
  let hubs: MirroredHubs
  let daemon: DockerDaemon
  let official: LayoutImage
  let theirs: LayoutImage

  beforeAll(async () => {
    state = new StateFolder()
    hubs = await MirroredHubs.start()
    writeFiles('docker', '/etc/docker/', state.join('docker/etc-docker'), hubs.addresses)
    daemon = await DockerDaemon.start(state.join('docker'), kind)
    const shape = { state, layers: 1, layerBytes: 10_000 }
    official = holdImage(hubs.hub, 'library/busybox', { ...shape, seed: 'official' })
    theirs = holdImage(hubs.quay, 'prometheus/busybox', { ...shape, seed: 'theirs' })
  })
  afterAll(async () => {
    await hubs.close()
    await state.destroy()
  })
  beforeEach(() => hubs.forgetRequests())

  async function expectPulled(name: string, image: LayoutImage): Promise<void> {
    await daemon.docker('pull', name)
    const { id } = await daemon.identity(name)
    expect(id).toBe(store === 'containerd' ? image.manifest.digest : image.config.digest)
  }

  /** The commands of a block, each without the `docker` before it. */
  function commandsOf(mark: string): readonly (readonly string[])[] {
    const lines = readBlock('docker', mark, hubs.addresses).trim().split('\n')
    return lines.map((line) => line.split(' ').slice(1).map(tagged))
  }

  test('pulls images of Docker Hub from the mirror', async () => {
    await expectPulled('busybox:1', official)
    expect(hubs.asked).toEqual([expect.any(Number), 0])
    expect(hubs.asked[0]).toBeGreaterThan(0)
  })

  test('pulls images of other registries by the prefix', async () => {
    const [[, name = ''] = []] = commandsOf('prefix')
    await expectPulled(name, theirs)
    expect(hubs.asked[0]).toBe(0)
  })

  test('pushes to the registry, and has it from the mirror by its bare name', async () => {
    await daemon.docker('tag', 'busybox:1', 'busybox')
    for (const command of commandsOf('push')) await daemon.docker(...command.map(untagged))
    await daemon.forget('busybox')
    await daemon.docker('pull', 'team/busybox')
    expect((await daemon.identity('team/busybox')).diffIds).toEqual(official.diffIds)
    expect(hubs.asked).toEqual([0, 0])
  })

  const isNewer = store === 'containerd'
  test(`${isNewer ? 'pulls' : 'does not pull'} images of other registries from the mirror by their own names`, async () => {
    const [[, name = ''] = []] = commandsOf('ns')
    const before = hubs.mirror.core.process.log().length
    const { code } = await daemon.attempt('pull', name)
    const said = hubs.mirror.core.process.log().slice(before)
    expect([code === 0, said.includes('?ns=quay.io')]).toEqual([isNewer, isNewer])
  })

  const builds = kind.suite === 'sid'
  test(`${builds ? 'builds' : 'does not build'} on images of other registries from the mirror`, async () => {
    mkdirSync(state.join('docker/build'), { recursive: true })
    writeFileSync(
      state.join('docker/build/Dockerfile'),
      'FROM quay.io/prometheus/busybox:1\nLABEL built=here\n',
    )
    const before = hubs.mirror.core.process.log().length
    const { code } = await daemon.attempt('build', '--pull', '--no-cache', state.join('docker/build'))
    const said = hubs.mirror.core.process.log().slice(before)
    expect([code === 0, said.includes('?ns=quay.io')]).toEqual([builds, builds])
  })
})

/** What the hubs hold has the tag 1. */
function tagged(word: string): string {
  return word.replace(/:latest$/, ':1')
}

function untagged(word: string): string {
  return word.replace(/busybox:1$/, 'busybox')
}
