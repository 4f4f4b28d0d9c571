import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { eligibleBlobs } from '../support/distribution.js'
import { ImageLayout, randomBytes } from '../support/image-layout.js'
import { ServedVolume, serverUnderTest } from '../support/served-volume.js'
import { StateFolder } from '../support/state-folder.js'
import { Toolbox } from '../support/toolbox.js'

const { CLIENTS_SEED: seed = '1', CLIENTS_ROUNDS: rounds = '100' } = process.env
const SHAPE = { layers: 3, layerBytes: 1_000_000 }
/** More than a push sends, so that some registries die after it. */
const SENT_AT_MOST = 5_000_000

/** As long as the rounds that are asked for take. */
const LIMIT_MS = Number(rounds) * 30_000

let state: StateFolder
let volume: ServedVolume
let tools: Toolbox

beforeAll(async () => {
  state = new StateFolder()
  volume = await ServedVolume.open(state, serverUnderTest())
  tools = await Toolbox.open('own', state)
})
afterAll(async () => {
  await volume.close()
  await state.destroy()
})

async function expectWhole(repository: string, digest: string): Promise<void> {
  const source = `docker://${volume.host}/${repository}@${digest}`
  const target = `dir:${state.join('pulled')}`
  await tools.run('skopeo', '--insecure-policy', 'copy', '--src-tls-verify=false', source, target)
}

/** Pushes while the registry is killed when it has got so many bytes, then as often as it needs. */
async function pushWithKill(layout: ImageLayout, repository: string, killAfterBytes: number): Promise<void> {
  const target = `docker://${volume.host}/${repository}:1`
  const copy = [
    'skopeo',
    '--insecure-policy',
    'copy',
    '--dest-tls-verify=false',
    `oci:${layout.folder}:1`,
    target,
  ]
  const pushing = tools.attempt(...copy)
  await Promise.race([volume.faults.passed('up', killAfterBytes), pushing])
  volume.faults.heal()
  await volume.kill()
  await volume.serveWith(serverUnderTest())
  if ((await pushing).code !== 0) await tools.run(...copy)
}

test(
  `${rounds} pushes, during each of which the registry is killed, lose nothing (CLIENTS_SEED=${seed})`,
  async () => {
    const pushed = new Map<string, string>()
    for (let round = 1; round <= Number(rounds); round++) {
      const repository = `round-${round % 7}/image-${round}`
      const layout = new ImageLayout(state.join(`layout-${round}`))
      const base = { ...SHAPE, layers: 1, seed: `base ${round % 3}` } // some layers are there already
      const image = layout.addImage(`${repository}:1`, { ...SHAPE, seed: `${seed} ${round}`, base })
      const chance = randomBytes(`${seed} kill ${round}`, 4).readUInt32LE() / 2 ** 32
      await pushWithKill(layout, repository, Math.floor(chance * SENT_AT_MOST))
      pushed.set(repository, image.manifest.digest)
      await expectWhole(repository, image.manifest.digest)
    }
    for (const [repository, digest] of pushed) await expectWhole(repository, digest)
    expect(await eligibleBlobs(volume.root)).toEqual([])
  },
  LIMIT_MS,
)
