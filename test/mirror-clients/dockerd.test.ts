import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'

import { holdImage, holdIndex } from '../support/held-image.js'
import { StateFolder } from '../support/state-folder.js'
import { mirrorLossContract, WAYS } from './behind-mirror.js'
import { DAEMONS, DockerBehindMirror } from './docker-behind-mirror.js'

const CASES = DAEMONS.flatMap((kind) => WAYS.map((way) => ({ kind, way, title: kind.title })))
/** As the platforms of an index stand. */
const HERE = process.arch === 'arm64' ? 1 : 0

describe.each(CASES)('$title with two mirrors by $way, the first one dead', ({ kind, way }) => {
  let stage: DockerBehindMirror
  /** What the daemon calls each image when it has it. */
  const ids = new Map<string, string | undefined>()

  beforeAll(async () => {
    const state = new StateFolder()
    stage = await DockerBehindMirror.start(state, kind, { way })
    process.stdout.write(`${kind.title}: ${await stage.daemon.version()}`)
    const shape = { state, layers: 3, layerBytes: 200_000 }
    const { hub } = stage.hubs
    const isGraph = kind.store === 'graph driver'
    const single = holdImage(hub, 'team/single', { ...shape, seed: 'single' })
    ids.set('team/single:1', isGraph ? single.config.digest : single.manifest.digest)
    const multi = holdIndex(hub, 'library/multi', { ...shape, seed: 'multi' })
    ids.set('multi:1', isGraph ? multi.images[HERE]?.config.digest : multi.index.digest)
    holdIndex(hub, 'team/base', { ...shape, seed: 'base' })
  })
  afterAll(() => stage.close())
  beforeEach(() => stage.hubs.forgetRequests())

  async function expectPulls(): Promise<void> {
    for (const [name, id] of ids) {
      await stage.daemon.docker('pull', name)
      expect((await stage.daemon.identity(name)).id).toBe(id)
      await stage.daemon.forget(name)
    }
  }

  test('pulls an image, and one of an index, through the living one', async () => {
    await expectPulls()
    expect(stage.direct).toEqual([])
    expect(stage.hubs.hub.count({ kind: 'blob' })).toBe(2 * ['config', 'layer', 'layer', 'layer'].length)
  })

  test('builds on an image of it', async () => {
    expect(await stage.build('team/base:1')).toBe(0)
    expect(stage.direct).toEqual([])
    expect(stage.hubs.hub.count({ repository: 'team/base' })).toBeGreaterThan(0)
  })

  test('pulls and builds all of it again while the hub is down', async () => {
    await stage.hubs.hubsDown()
    await expectPulls()
    await stage.daemon.attempt('system', 'prune', '--all', '--force')
    await stage.daemon.attempt('builder', 'prune', '--all', '--force')
    expect(await stage.build('team/base:1')).toBe(0)
    await stage.hubs.hubsUp()
  })

  mirrorLossContract(() => stage, {
    killed: ['goes on to the hub by itself when the mirror is killed', expectPulls],
    back: ['comes back to the mirror when that is back', expectPulls],
  })
})
