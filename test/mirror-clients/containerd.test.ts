import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'

import { holdImage, holdIndex } from '../support/held-image.js'
import type { LayoutImage } from '../support/image-layout.js'
import type { Descriptor } from '../support/images.js'
import { StateFolder } from '../support/state-folder.js'
import { CASES, mirrorLossContract } from './behind-mirror.js'
import { ContainerdBehindMirror } from './containerd-behind-mirror.js'

/** As the platforms of an index stand. */
const HERE = process.arch === 'arm64' ? 1 : 0

describe.each(CASES)("Debian's containerd ($suite) with two mirrors by $way, the first one dead", (each) => {
  let stage: ContainerdBehindMirror
  let index: Descriptor
  let ours: LayoutImage | undefined
  let single: LayoutImage

  beforeAll(async () => {
    const state = new StateFolder()
    stage = await ContainerdBehindMirror.start(each.suite, state, { way: each.way })
    process.stdout.write(await stage.version())
    const shape = { state, layers: 3, layerBytes: 200_000 }
    const multi = holdIndex(stage.hubs.hub, 'library/multi', { ...shape, seed: 'multi' })
    index = multi.index
    ours = multi.images[HERE]
    single = holdImage(stage.hubs.quay, 'team/single', { ...shape, seed: 'single' })
  })
  afterAll(() => stage.close())
  beforeEach(() => stage.hubs.forgetRequests())

  async function expectPulls(): Promise<void> {
    expect(await stage.pullByCtr('docker.io/library/multi:1', '--all-platforms')).toContain(index.digest)
    expect(await stage.pullByCtr('quay.io/team/single:1')).toContain(single.manifest.digest)
    const byDigest = `quay.io/team/single@${single.manifest.digest}`
    expect(await stage.pullByCtr(byDigest)).toContain(single.manifest.digest)
    expect(await stage.pullAsKubelet('docker.io/library/multi:1')).toContain(ours?.config.digest)
    expect(await stage.pullAsKubelet('quay.io/team/single:1')).toContain(single.config.digest)
  }

  test('pulls an index with all its images, and an image of another registry, through the living one', async () => {
    await expectPulls()
    expect(stage.direct).toEqual([])
    const blobs = ['config', 'layer', 'layer', 'layer'].length
    expect(stage.hubs.hub.count({ kind: 'blob' })).toBe(2 * blobs)
    expect(stage.hubs.quay.count({ kind: 'blob' })).toBe(blobs)
  })

  test('pulls all of it again while the hubs are down', async () => {
    await stage.hubs.hubsDown()
    await expectPulls()
    await stage.hubs.hubsUp()
  })

  mirrorLossContract(() => stage, {
    killed: ['goes on to the hubs by itself when the mirror is killed', expectPulls],
    back: ['comes back to the mirror when that is back', expectPulls],
  })
})
