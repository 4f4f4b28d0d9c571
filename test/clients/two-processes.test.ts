import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { type DaemonKind, DockerDaemon } from '../support/docker-daemon.js'
import { ImageLayout, type LayoutImage } from '../support/image-layout.js'
import { StateFolder } from '../support/state-folder.js'
import { startCore, type Target } from '../support/targets.js'
import { TcpFaults } from '../support/tcp-faults.js'

const MIB = 1024 * 1024
/** It opens a connection for each request, so that a balancer gives every other request to the other process. */
const KIND: DaemonKind = { title: 'dockerd 20.10', suite: 'own', store: 'graph driver' }

describe(`${KIND.title} with two registry-cores on one volume, request by request`, () => {
  let state: StateFolder
  let balancer: TcpFaults
  let daemon: DockerDaemon
  let host: string
  const cores: Target[] = []

  beforeAll(async () => {
    state = new StateFolder()
    balancer = await TcpFaults.start()
    host = `127.0.0.1:${balancer.port}`
    for (let each = 0; each < 2; each++) cores.push(await startCore({ root: state.join('volume') }))
    balancer.targetPorts = cores.map(({ port }) => port)
    daemon = await DockerDaemon.start(state.join('docker'), KIND)
  })
  afterAll(async () => {
    await balancer.close()
    for (const core of cores.splice(0)) await core.remove()
    await state.destroy()
  })

  async function load(name: string): Promise<LayoutImage> {
    const layout = new ImageLayout(state.join(`layout-${name}`))
    const shape = { seed: `two ${name}`, layers: 5, layerBytes: 2 * MIB }
    const image = layout.addImage(`${host}/${name}:latest`, shape)
    await daemon.load(layout.folder)
    return image
  }

  async function expectPull(name: string, made: LayoutImage, pushed: string): Promise<void> {
    await daemon.forget(`${host}/${name}`)
    await daemon.docker('pull', `${host}/${name}`)
    const { diffIds, repositoryDigests } = await daemon.identity(`${host}/${name}`)
    expect(diffIds).toEqual(made.diffIds)
    expect(repositoryDigests).toEqual([`${host}/${name}@${pushed}`])
  }

  test('an image whose uploads wander between the processes comes back as it was pushed', async () => {
    const made = await load('wandering')
    await expectPull('wandering', made, await daemon.push(`${host}/wandering`))
    const [first, second] = cores.map(uploadsSeenBy)
    expect(first?.intersection(second ?? new Set())).not.toEqual(new Set()) // it did wander
  })

  test('pushes of the same layers by both processes at once are whole', async () => {
    const made = await load('twin-a')
    await daemon.docker('tag', `${host}/twin-a`, `${host}/twin-b`)
    const [first, second] = await Promise.all([daemon.push(`${host}/twin-a`), daemon.push(`${host}/twin-b`)])
    expect(second).toBe(first)
    await daemon.docker('image', 'rm', `${host}/twin-b`)
    await expectPull('twin-a', made, first)
  })

  test('a push during which one of them is killed gets through by the other', async () => {
    const made = await load('survivor')
    const midway = balancer.passed('up', 3 * MIB)
    const pushing = daemon.attempt('push', `${host}/survivor`)
    await midway
    const [victim, survivor] = cores
    victim?.process.signal('SIGKILL')
    balancer.targetPorts = [survivor?.port ?? 0]
    await pushing
    await expectPull('survivor', made, await daemon.push(`${host}/survivor`))
  })

  test("Distribution's collector finds nothing to delete in what was pushed", async () => {
    expect(await eligibleBlobs(state.join('volume'))).toEqual([])
  })
})

/** The sessions that a process says it took a part in. */
function uploadsSeenBy(core: Target): ReadonlySet<string> {
  return new Set(core.process.log().match(/blobs\/uploads\/[\w-]{8,}/g))
}
