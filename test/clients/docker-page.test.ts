import { mkdirSync, writeFileSync } from 'node:fs'

import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'

import { writeFiles } from '../support/client-page.js'
import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { queryOf } from '../support/fake-upstream/seen-requests.js'
import { holdImage } from '../support/held-image.js'
import type { LayoutImage } from '../support/image-layout.js'
import { StateFolder } from '../support/state-folder.js'

jest.setTimeout(120_000)

const DAEMONS: readonly DaemonKind[] = [
  { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' },
  { title: 'dockerd 28, graph driver', suite: 'sid', store: 'graph driver' },
  { title: 'dockerd 28, containerd store', suite: 'sid', store: 'containerd' },
]

describe.each(DAEMONS)('$title with the files of docs/clients/docker.md', (kind) => {
  const { store } = kind
  let state: StateFolder
  /** Stands where the registry and the mirror are, and shows what they are asked. */
  let box: FakeUpstream
  let daemon: DockerDaemon
  const held = new Map<string, LayoutImage>()

  beforeAll(async () => {
    state = new StateFolder()
    box = await FakeUpstream.start()
    const here = `127.0.0.1:${box.port}`
    writeFiles('docker', '/etc/docker/', state.join('docker/etc-docker'), { registry: here, mirror: here })
    daemon = await DockerDaemon.start(state.join('docker'), kind)
    for (const name of ['library/paged', 'team/paged', 'quay.io/team/paged'])
      held.set(name, holdImage(box, name, { state, seed: name, layers: 1, layerBytes: 10_000 }))
  })
  afterAll(async () => {
    await box.close()
    await state.destroy()
  })
  beforeEach(() => void (box.requests = []))

  async function expectPulled(name: string, from: string): Promise<void> {
    await daemon.docker('pull', name)
    const image = held.get(from)
    const { id } = await daemon.identity(name)
    expect(id).toBe(store === 'containerd' ? image?.manifest.digest : image?.config.digest)
  }

  /** The registries that the mirror was told; undefined where it was told none. */
  function namespaces(): ReadonlySet<string | undefined> {
    const asked = box.requests.filter(({ kind: what }) => what !== 'ping')
    return new Set(asked.map((seen) => queryOf(seen).get('ns') ?? undefined))
  }

  test('pulls images of Docker Hub from the mirror', async () => {
    await expectPulled('paged:1', 'library/paged')
    expect(namespaces()).toEqual(new Set([store === 'containerd' ? 'docker.io' : undefined]))
  })

  test('pulls images of other registries by the prefix', async () => {
    await expectPulled(`127.0.0.1:${box.port}/quay.io/team/paged:1`, 'quay.io/team/paged')
  })

  const isNewer = store === 'containerd'
  test(`${isNewer ? 'pulls' : 'does not pull'} images of other registries from the mirror by their own names`, async () => {
    const { code } = await daemon.attempt('pull', 'quay.io/team/paged:1')
    expect([code === 0, [...namespaces()]]).toEqual([isNewer, isNewer ? ['quay.io'] : []])
  })

  const builds = kind.suite === 'sid'
  test(`${builds ? 'builds' : 'does not build'} on images of other registries from the mirror`, async () => {
    mkdirSync(state.join('docker/build'), { recursive: true })
    writeFileSync(state.join('docker/build/Dockerfile'), 'FROM quay.io/team/paged:1\nLABEL built=here\n')
    const { code } = await daemon.attempt('build', '--pull', '--no-cache', state.join('docker/build'))
    expect([code === 0, [...namespaces()]]).toEqual([builds, builds ? ['quay.io'] : []])
  })
})
