import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import type { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import type { Fault } from '../support/fake-upstream/faults.js'
import { type Content, makeImage } from '../support/images.js'
import { watchMemory } from '../support/memory.js'
import { expectStatus } from '../support/registry-client.js'
import { download } from './download.js'
import { getManifest, pullImage } from './pulls.js'
import { useScene } from './scene.js'

const HUB = 'docker.io'
const MIB = 1024 * 1024
const TAIL_BYTES = 64 * 1024

/** What a blob's body may be that is not the blob, for ever. */
const WRONG: readonly (readonly [string, ...Fault[]])[] = [
  ['other bytes', 'wrong-body'],
  ['a login page', 'login-page'],
  ['it in a packed form', 'gzip'],
  ['more than it promised', { lengthOffBy: -70_000 }],
  ['no end', 'endless'],
]
/** What breaks off, however often it is resumed. */
const SHORT: readonly (readonly [string, ...Fault[]])[] = [
  ['less than it promised', { lengthOffBy: 10 }, { endAfter: MIB }],
  ['nothing but a reset', 'reset'],
  ['the same thousand bytes and an end', { endAfter: 1000 }],
  ['no byte of it', { cutAfter: 0 }],
]

describe('a blob of which the upstream sends', () => {
  const scene = useScene({ hosts: { [HUB]: {} } })
  let images = 0
  let target: string
  let layer: Content
  let repository: string
  let image: ReturnType<typeof makeImage>

  function hub(): FakeUpstream {
    return scene.upstreams[HUB]
  }
  beforeEach(async () => {
    repository = `wrong/r${++images}`
    image = makeImage({ layers: 1, layerSizeBytes: MIB })
    layer = image.blobs[1] ?? image.manifest
    target = `/v2/${repository}/blobs/${layer.descriptor.digest}`
    hub().hold(repository, image, 'v1')
    expectStatus(await getManifest(scene.mirror.connect(), repository, 'v1'), 200)
  })
  afterEach(() => hub().heal())

  /** Bytes of files below the store. */
  function storedBytes(): number {
    const { root } = scene.mirror.core
    return readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((total, entry) => total + sizeOf(path.join(entry.parentPath, entry.name)), 0)
  }

  test.each([...WRONG, ...SHORT])(
    '%s is never a whole answer, is not kept, and comes right later (attack 53, attack 54)',
    async (_what, ...faults) => {
      for (const how of faults) hub().fail({ on: 'blob', where: { method: 'GET' }, how })
      const before = storedBytes()
      const client = await download(scene.mirror.mirrorPort, target)
      const ended = await client.ended
      const end = client.status === 200 ? ended : `answered ${client.status}`
      expect(['broken', 'answered 404', 'answered 503']).toContain(end)
      const tooFar = layer.bytes.length + 10 - TAIL_BYTES // of what it said that it would send
      expect(client.status === 200 ? client.received().length : 0).toBeLessThanOrEqual(tooFar)
      expect(storedBytes() - before).toBeLessThan(2 * MIB)
      hub().heal()
      await scene.mirror.restart() // it would leave such an upstream alone for a while
      await pullImage(scene.mirror.connect(), [repository, 'v1'], image)
    },
  )

  test('a body without end costs no memory (attack 54)', async () => {
    hub().fail({ on: 'blob', where: { method: 'GET' }, how: 'endless' })
    const watch = watchMemory(scene.mirror.core.process.pid)
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => download(scene.mirror.mirrorPort, target)),
    )
    for (const { ended } of clients) await ended
    expect(watch.peakMiB() - watch.beforeMiB).toBeLessThan(100)
  })

  test('a second client that came while the wrong bytes ran sees a broken answer too (attack 53)', async () => {
    const mend = hub().fail({ on: 'blob', times: 2, how: 'wrong-body' })
    hub().bytesPerSecond = 2 * MIB
    const clients = await Promise.all([1, 2, 3].map(() => download(scene.mirror.mirrorPort, target)))
    const ends = await Promise.all(clients.map(({ ended }) => ended))
    const lies = clients.filter(
      ({ status, received }, at) => status === 200 && ends[at] === 'whole' && !received().equals(layer.bytes),
    )
    expect(lies).toEqual([])
    mend()
    hub().bytesPerSecond = Number.POSITIVE_INFINITY
    await scene.mirror.restart()
    await pullImage(scene.mirror.connect(), [repository, 'v1'], image)
  })
})

/** What is renamed or removed meanwhile counts as nothing. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
