import { afterEach, describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import type { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import type { Fault } from '../support/fake-upstream/faults.js'
import { holdImage } from '../support/held-image.js'
import { StateFolder } from '../support/state-folder.js'
import { SUITES } from '../support/toolbox.js'
import { ContainerdBehindMirror } from './containerd-behind-mirror.js'
import { DAEMONS, DockerBehindMirror } from './docker-behind-mirror.js'
import { ToolsBehindMirror } from './tools-behind-mirror.js'

const NAME = 'team/app'

/** What the mirror gets of each layer, while whoever asks the hub itself gets all of it. */
const FAULTS: readonly { readonly what: string; readonly fault: Fault }[] = [
  { what: '503', fault: { status: 503 } },
  { what: '404', fault: { status: 404 } },
]
/** Docker tries for 50 seconds and more where a layer ends in 5xx, or is cut again and again. */
const SOON_MS = 25_000

let close: (() => Promise<void>) | undefined
afterEach(async () => {
  await close?.()
  close = undefined
})

function breakLayers(hub: FakeUpstream, state: StateFolder, how: Fault): void {
  const { layers } = holdImage(hub, NAME, { state, seed: NAME, layers: 2, layerBytes: 300_000 })
  for (const { digest } of layers) hub.fail({ on: 'blob', where: { isOurs: true, reference: digest }, how })
}

async function timeOf(pull: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await pull
  return performance.now() - start
}

describe.each(FAULTS)('with a hub that gives the mirror $what for layers', ({ fault }) => {
  test.each(DAEMONS)('$title has the image soon, from the hub', async (kind) => {
    const state = new StateFolder()
    const stage = await DockerBehindMirror.start(state, kind)
    close = () => stage.close()
    breakLayers(stage.hubs.hub, state, fault)
    const pulled = stage.daemon.docker('pull', `${NAME}:1`)
    expect(await timeOf(pulled)).toBeLessThan(SOON_MS)
    expect(stage.direct.length).toBeGreaterThan(0)
  })

  test.each(SUITES)('containerd (%s) has the image soon, from the hub', async (suite) => {
    const state = new StateFolder()
    const stage = await ContainerdBehindMirror.start(suite, state)
    close = () => stage.close()
    breakLayers(stage.hubs.hub, state, fault)
    expect(await timeOf(stage.pullByCtr(`docker.io/${NAME}:1`))).toBeLessThan(SOON_MS)
    expect(stage.direct.length).toBeGreaterThan(0)
  })

  test('podman 5 has the image soon, from the hub', async () => {
    const state = new StateFolder()
    const stage = await ToolsBehindMirror.start('sid', state)
    close = () => stage.close()
    breakLayers(stage.hubs.hub, state, fault)
    expect(await timeOf(stage.pull('podman', `docker.io/${NAME}:1`))).toBeLessThan(SOON_MS)
    expect(stage.direct.length).toBeGreaterThan(0)
  })
})

test.each(SUITES)(
  'containerd (%s) has the image once wrong bytes are right again and it has thrown away what it kept of them',
  async (suite) => {
    const state = new StateFolder()
    const stage = await ContainerdBehindMirror.start(suite, state)
    close = () => stage.close()
    breakLayers(stage.hubs.hub, state, 'wrong-body')
    const name = `docker.io/${NAME}:1`
    const pull = (): Promise<string> =>
      stage.pullByCtr(name).then(
        () => 'pulled',
        (error: unknown) => String(error),
      )
    for (let again = 0; again < 2; again += 1) expect(await pull()).toMatch(/unexpected commit digest/)
    stage.hubs.hub.heal()
    // Until then it tries to commit the wrong bytes that it has, and asks nobody for others.
    await eventually('its collector has been there', async () => !(await stage.kept()).includes('layer-'))
    expect(await pull()).toBe('pulled')
  },
)
