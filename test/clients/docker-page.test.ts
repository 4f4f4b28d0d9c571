import { mkdirSync, writeFileSync } from 'node:fs'

import { beforeAll, describe, expect, test } from '@jest/globals'

import { readBlock, writeFiles } from '../support/client-page.js'
import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import type { LayoutImage } from '../support/image-layout.js'
import { usePageStage } from './page-stage.js'

const DAEMONS: readonly DaemonKind[] = [
  { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' },
  { title: 'dockerd 28, graph driver', suite: 'sid', store: 'graph driver' },
  { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
]

describe.each(DAEMONS)('$title with the files of docs/clients/docker.md', (kind) => {
  const { store } = kind
  const stage = usePageStage()
  let daemon: DockerDaemon

  beforeAll(async () => {
    writeFiles('docker', '/etc/docker/', stage.state.join('docker/etc-docker'), stage.hubs.addresses)
    daemon = await DockerDaemon.start(stage.state.join('docker'), kind)
  })

  async function expectPulled(name: string, image: LayoutImage): Promise<void> {
    await daemon.docker('pull', name)
    const { id } = await daemon.identity(name)
    expect(id).toBe(store === 'containerd' ? image.manifest.digest : image.config.digest)
  }

  /** The commands of a block, each without the `docker` before it. */
  function commandsOf(mark: string): readonly (readonly string[])[] {
    const lines = readBlock('docker', mark, stage.hubs.addresses).trim().split('\n')
    return lines.map((line) => line.split(' ').slice(1).map(tagged))
  }

  test('pulls images of Docker Hub from the mirror', async () => {
    await expectPulled('busybox:1', stage.official)
    expect(stage.hubs.asked).toEqual([expect.any(Number), 0])
    expect(stage.hubs.asked[0]).toBeGreaterThan(0)
  })

  test('pulls images of other registries by the prefix', async () => {
    const [[, name = ''] = []] = commandsOf('prefix')
    await expectPulled(name, stage.theirs)
    expect(stage.hubs.asked[0]).toBe(0)
  })

  test('pushes to the registry, and has it from the mirror by its bare name', async () => {
    await daemon.docker('tag', 'busybox:1', 'busybox')
    for (const command of commandsOf('push')) await daemon.docker(...command.map(untagged))
    await daemon.forget('busybox')
    await daemon.docker('pull', 'team/busybox')
    expect((await daemon.identity('team/busybox')).diffIds).toEqual(stage.official.diffIds)
    expect(stage.hubs.asked).toEqual([0, 0])
  })

  const isNewer = store === 'containerd'
  test(`${isNewer ? 'pulls' : 'does not pull'} images of other registries from the mirror by their own names`, async () => {
    const [[, name = ''] = []] = commandsOf('ns')
    const before = stage.hubs.mirror.core.process.log().length
    const { code } = await daemon.attempt('pull', name)
    const said = stage.hubs.mirror.core.process.log().slice(before)
    expect([code === 0, said.includes('?ns=quay.io')]).toEqual([isNewer, isNewer])
  })

  const builds = kind.suite === 'sid'
  test(`${builds ? 'builds' : 'does not build'} on images of other registries from the mirror`, async () => {
    mkdirSync(stage.state.join('docker/build'), { recursive: true })
    writeFileSync(
      stage.state.join('docker/build/Dockerfile'),
      'FROM quay.io/prometheus/busybox:1\nLABEL built=here\n',
    )
    const before = stage.hubs.mirror.core.process.log().length
    const { code } = await daemon.attempt('build', '--pull', '--no-cache', stage.state.join('docker/build'))
    const said = stage.hubs.mirror.core.process.log().slice(before)
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
