import { expect, test } from '@jest/globals'

import { digestOf } from '../store-bench.js'
import { BlobUpstream } from './blob-upstream.js'
import { join, KIB, largeBytes, Machine, settle, stored } from './download-bench.js'

const BYTES = largeBytes(5, 2500 * KIB)
const DIGEST = digestOf(BYTES)

/** One download that dies at its n-th call; answers the machine, and whether the client had got everything before. */
async function dying(at: number): Promise<{ machine: Machine; hasDied: boolean; wasAnswered: boolean }> {
  const machine = new Machine()
  const core = await machine.start()
  core.fs.crashAt(core.fs.calls.length + at)
  let hasDied = false
  void core.fs.died.then(() => {
    hasDied = true
  })
  const client = join(core, new BlobUpstream(BYTES, 200 * KIB), DIGEST)
  const ended = await Promise.race([client.ended, core.fs.died])
  if (ended === 'whole') await settle()
  return { machine, hasDied, wasAnswered: ended === 'whole' }
}

/** What the next process has, and gets. */
async function examine(machine: Machine, wasAnswered: boolean): Promise<readonly string[]> {
  const wrong: string[] = []
  const core = await machine.start()
  const held = await stored(core, DIGEST)
  if (held !== undefined && !held.equals(BYTES)) wrong.push('other bytes are stored')
  if (held === undefined && wasAnswered) wrong.push('a client got everything, and it is not stored')
  const client = join(core, new BlobUpstream(BYTES, 200 * KIB), DIGEST)
  if ((await client.ended) !== 'whole' || !client.bytes().equals(BYTES))
    wrong.push('the next client gets less')
  const after = await stored(core, DIGEST)
  if (after?.equals(BYTES) !== true) wrong.push('the next download is not stored')
  if (machine.partials().length > 1) wrong.push(`${machine.partials().length} parts are left`)
  return wrong
}

test('a process that dies at any call of a download leaves what the next one can go on from, also after a power cut', async () => {
  const wrong: string[] = []
  let isOver = false
  for (let at = 1; !isOver; at += 1) {
    const { machine, hasDied, wasAnswered } = await dying(at)
    isOver = !hasDied
    for (const mode of ['ordered', 'weak'] as const)
      for (const cut of [1, 2]) {
        const found = await examine(machine.afterPowerCut(mode, at * 10 + cut), wasAnswered)
        wrong.push(...found.map((one) => `${at} ${mode} ${cut}: ${one}`))
      }
    wrong.push(...(await examine(machine, wasAnswered)).map((one) => `${at} kill: ${one}`))
  }
  expect(wrong).toEqual([])
}, 120_000)
