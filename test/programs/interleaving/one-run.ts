import type { Digest } from '#core/oci/digest.js'
import { FakeClock, outcome } from '#core-test/fake-clock.js'
import { type Chance, seededChance } from '#core-test/seeded-chance.js'
import { SimulatedDisk } from '#core-test/simulated-disk.js'
import { SimulatedFs } from '#core-test/simulated-fs.js'
import { openProcess, STORE_ROOT } from '#core-test/simulated-store.js'

import { Client } from '../simulation/client.js'
import { Ledger } from '../simulation/ledger.js'
import { checkTagIndexes, checkTree } from '../simulation/check-tree.js'
import { textOf } from '../simulation/text-of.js'
import { ACTORS } from './actors.js'
import { collect, type Orders } from './collector.js'
import { isLinearizable, type TagEvent } from './history.js'
import { Scheduler } from './scheduler.js'
import {
  type Acknowledged,
  FIRST_IMAGE,
  FIRST_TAG,
  IMAGES,
  REPOSITORIES,
  TAGS,
  Town,
  type Worker,
} from './town.js'

/** What one seed came to. */
export interface RunOutcome {
  readonly steps: number
  readonly acknowledged: number
  readonly refused: number
  readonly wrong: readonly string[]
}

/** A store that any number of runs can begin on. */
export interface Beginning {
  readonly disk: SimulatedDisk
  /** It holds all images in all repositories, the first of them under the first tag. */
  readonly isFull: boolean
}

/** An empty store, and one that holds everything. */
export async function beginnings(): Promise<readonly Beginning[]> {
  return [await beginning(false), await beginning(true)]
}

async function beginning(isFull: boolean): Promise<Beginning> {
  const clock = new FakeClock({ tickMs: 1, start: new Date('2026-02-01T00:00:00.000Z') })
  const disk = new SimulatedDisk(() => clock.now())
  disk.makeDirectory(STORE_ROOT)
  disk.syncDirectory('/')
  const fs = new SimulatedFs(disk)
  const process = await outcome(clock, openProcess({ fs, clock, seed: 1, boot: 'boot0000' }))
  const client = new Client(process, new Ledger())
  if (isFull)
    for (const repository of REPOSITORIES)
      for (const image of IMAGES)
        await outcome(clock, client.push(repository, image, image === FIRST_IMAGE ? FIRST_TAG : undefined))
  await outcome(clock, process.registry.close())
  await outcome(clock, process.store.close())
  return { disk, isFull }
}

/** Several clients and collectors in two or three processes, in an order that the seed chooses; then a look at it all. */
export async function runSeed(
  seed: number,
  stores: readonly Beginning[],
  { isHasty }: { readonly isHasty: boolean },
): Promise<RunOutcome> {
  const chance = seededChance(seed)
  const clock = new FakeClock({ tickMs: 1 })
  const store = chance.pick([...stores, ...stores.slice(1)])
  const disk = store.disk.withTime(() => clock.now())
  const scheduler = new Scheduler(chance, clock)
  const workers: Worker[] = []
  const processes = 2 + chance.below(2)
  for (let number = 0; number < processes; number += 1) {
    const fs = new SimulatedFs(disk)
    const process = await outcome(
      clock,
      openProcess({ fs, clock, seed: seed * 8 + number, boot: 'boot0000' }),
    )
    fs.scheduling = scheduler
    workers.push({ fs, process })
  }
  const town = new Town({ disk, clock, chance, workers })
  if (store.isFull) for (const repository of REPOSITORIES) town.begin(repository, FIRST_TAG, FIRST_IMAGE)
  const actors = actorsOf(town, chance, isHasty)
  const wrong: string[] = []
  const cutAt = chance.happens(0.3) ? chance.below(600) : Number.POSITIVE_INFINITY
  const cuts: (() => Promise<readonly string[]>)[] = []
  scheduler.afterStep = () => {
    if (scheduler.steps !== cutAt) return
    const acknowledged = [...town.acknowledged]
    const after = disk.afterPowerCut(chance.pick(['ordered', 'weak']), chance)
    const look = town.freeze()
    cuts.push(() => checkDisk(look, after, acknowledged, 'after a power cut'))
  }
  try {
    await scheduler.run(actors)
  } catch (error) {
    wrong.push(textOf(error))
  }
  for (const check of cuts) wrong.push(...(await check()))
  wrong.push(...(await checkDisk(town, disk, town.acknowledged, 'at the end')))
  wrong.push(...checkTagIndexes(disk), ...town.surprises)
  return {
    steps: scheduler.steps,
    acknowledged: town.acknowledged.length,
    refused: town.refused,
    wrong,
  }
}

function actorsOf(town: Town, chance: Chance, isHasty: boolean): ReadonlyMap<string, () => Promise<void>> {
  const actors = new Map<string, () => Promise<void>>()
  const all = Object.entries(ACTORS)
  const kinds = chance.happens(0.3) ? all : [chance.pick(all), chance.pick(all)]
  const clients = 2 + chance.below(4)
  for (let number = 0; number < clients; number += 1) {
    const [kind, act] = chance.pick(kinds)
    actors.set(`${kind} ${number}`, () => act(town))
  }
  const orders: Orders = new Map()
  const collectors = chance.below(3)
  const cycles = 2 + chance.below(4)
  for (let number = 0; number < collectors; number += 1)
    actors.set(`collect ${number}`, async () => {
      for (let cycle = 0; cycle < cycles; cycle += 1) await collect(town, orders, isHasty)
    })
  return actors
}

/** A fresh process looks at the disk: tags as their histories allow, acknowledged images whole, nothing misplaced. */
async function checkDisk(
  town: Pick<Town, 'historyOf' | 'clock'>,
  disk: SimulatedDisk,
  acknowledged: readonly Acknowledged[],
  when: string,
): Promise<readonly string[]> {
  const clock = new FakeClock({ tickMs: 1, start: town.clock.now() })
  const fs = new SimulatedFs(disk.withTime(() => clock.now()))
  const wrong: string[] = []
  const { registry, store } = await outcome(clock, openProcess({ fs, clock, seed: 7, boot: 'boot0001' }))
  for (const repository of REPOSITORIES)
    for (const tag of TAGS) {
      const digest = await outcome(clock, store.links.findTag(repository, tag))
      const history = town.historyOf(repository, tag, digest ?? 'absent')
      if (!isLinearizable(history, 'absent'))
        wrong.push(`${repository}:${tag} is ${digest ?? 'absent'}; ${JSON.stringify(history)}`)
      const push = acknowledged.find(
        (one) => one.repository === repository && one.tag === tag && one.image.digest === digest,
      )
      // A push that was refused, or has no answer, may have brought the tag back: nobody was promised that it is whole.
      if (push === undefined || history.some((event) => isOpenWrite(event, push.image.digest))) continue
      const source = registry.repository(repository)
      const manifest = await outcome(clock, source.manifest({ kind: 'tag', tag }))
      if (manifest === undefined) wrong.push(`${repository}:${tag} leads to nothing`)
      for (const blob of push.image.blobs)
        if ((await outcome(clock, source.blob(blob.digest, { promise: false }))) === undefined)
          wrong.push(`${repository}:${tag} lacks its blob ${blob.digest}`)
    }
  return [...wrong, ...checkTree(fs.disk)].map((one) => `${when}: ${one}`)
}

function isOpenWrite({ operation, endedAt }: TagEvent, digest: Digest): boolean {
  return endedAt === Number.POSITIVE_INFINITY && operation.kind === 'write' && operation.value === digest
}
