import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

import { randomLayer } from '../support/images.js'
import { watchMemory } from '../support/memory.js'
import { type Mirror, startMirror } from '../support/mirror.js'
import { runToEnd } from '../support/processes.js'
import { RegistryClient } from '../support/registry-client.js'
import { startCore, type Target } from '../support/targets.js'

const PROGRAM = path.join(import.meta.dirname, '../programs/transfers.js')
const MIB = 1024 * 1024
const REPOSITORY = 'deep/app'

/** What a core holds after its first transfers, the ring of 64 MiB, what is read ahead, and what is garbage just then. */
const PEAK_MIB = 350

let upstream: Target
let pusher: RegistryClient
let mirror: Mirror

beforeAll(async () => {
  upstream = await startCore()
  pusher = new RegistryClient(upstream.baseUrl)
  mirror = await startMirror({
    upstreams: [{ host: 'quay.io', urls: [upstream.baseUrl], allowAddresses: ['127.0.0.0/8'] }],
  })
})

afterAll(async () => {
  await mirror.remove()
  await pusher.close()
  await upstream.remove()
})

/** The most that the mirror held while `readers` pulled a new layer of this size at once; each compares its digest. */
async function peakMiB(readers: number, layerMiB: number): Promise<number> {
  const { digest } = await pusher.pushBlob(REPOSITORY, randomLayer(layerMiB * MIB))
  const watch = watchMemory(mirror.core.process.pid)
  const plan = {
    baseUrl: `http://127.0.0.1:${mirror.mirrorPort}`,
    ...{ repository: REPOSITORY, uploads: 0, uploadBytes: 0, downloads: readers, digest, seed: '' },
  }
  const { code, stdout, stderr } = await runToEnd(process.execPath, [PROGRAM, JSON.stringify(plan)])
  if (code !== 0) throw new Error(`the clients failed: ${stderr}`)
  expect(JSON.parse(stdout)).toMatchObject({ receivedBytes: readers * layerMiB * MIB })
  const found = watch.peakMiB()
  process.stdout.write(
    `${readers} readers, ${layerMiB} MiB: ${watch.beforeMiB.toFixed(0)} to ${found.toFixed(0)} MiB\n`,
  )
  return found
}

test('a mirror holds no more for 32 readers of a layer than for one, nor for a longer layer', async () => {
  await peakMiB(32, 128) // what so many connections make a process keep
  const one = await peakMiB(1, 256)
  const many = await peakMiB(32, 256)
  const longer = await peakMiB(32, 512)
  expect(Math.max(one, many, longer)).toBeLessThanOrEqual(PEAK_MIB)
  expect(longer).toBeLessThanOrEqual(many + 32)
}, 1_200_000)
