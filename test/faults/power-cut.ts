import { chanceFrom } from '../programs/stress/chance.js'
import { eventually } from '../support/eventually.js'
import { makeImage } from '../support/images.js'
import type { RegistryClient } from '../support/registry-client.js'
import { Promises } from './promises.js'
import { serve } from './served.js'
import { loopVolume } from './volumes.js'

/** What a number of power cuts have shown; a broken promise is thrown. */
export interface PowerCuts {
  readonly cuts: number
  /** Pushes that were under way when the power went. */
  readonly unfinished: number
  /** Blobs and manifests that were acknowledged, and whole at the end. */
  readonly checked: number
}

/**
 * Pushes go on until the power is cut at any moment: nothing that was not synced is on the disk after it. Then the
 * file system recovers, a new process serves it, and everything that was acknowledged must be there.
 */
export async function cutPowerAgainAndAgain(
  kind: 'ext4' | 'xfs',
  rounds: number,
  seed: number,
): Promise<PowerCuts> {
  const chance = chanceFrom(seed)
  await using volume = await loopVolume(kind)
  const pushers = [0, 1, 2].map((index) => new Promises(`power/app-${index}`))
  let unfinished = 0
  let checked = 0
  for (let round = 0; round <= rounds; round += 1) {
    await using served = await serve(volume.root)
    const { client, core } = served
    for (const promises of pushers) await promises.check(client)
    if (round === rounds) {
      for (const promises of pushers) checked += await promises.checkAll(client)
      for (const promises of pushers) await promises.checkCollection(volume.root)
      break
    }
    let isCut = false
    const pushing = pushers.map(async (promises) => {
      while (!isCut) {
        try {
          await changeSomething(promises, client, chance)
        } catch (error) {
          if (!isCut) throw error
          unfinished += 1
        }
      }
    })
    const sum = (): number => pushers.reduce((total, { acknowledged }) => total + acknowledged, 0)
    const wanted = sum() + 3 + Math.floor(chance() * 25)
    await Promise.race([
      eventually('enough is acknowledged', () => sum() >= wanted, { everyMs: 1 }),
      Promise.all(pushing),
    ])
    for (let turns = Math.floor(chance() * 20); turns > 0; turns -= 1) await client.get('/v2/')
    isCut = true
    await volume.cutPower()
    await Promise.all(pushing)
    core.process.signal('SIGKILL')
    await core.process.ended
    await volume.powerUp()
  }
  return { cuts: rounds, unfinished, checked }
}

/** One or two layers in any style; now and then something goes again. */
async function changeSomething(
  promises: Promises,
  client: RegistryClient,
  chance: () => number,
): Promise<void> {
  const image = makeImage({ layers: 1, layerSizeBytes: Math.ceil(chance() * 200_000) })
  await promises.push(client, image, `tag-${Math.floor(chance() * 3)}`, chance() < 0.5 ? 'chunks' : undefined)
  const roll = chance()
  if (roll < 0.15) await promises.deleteTag(client, `tag-${Math.floor(chance() * 3)}`)
  else if (roll < 0.3) await promises.deleteManifest(client, image)
}
