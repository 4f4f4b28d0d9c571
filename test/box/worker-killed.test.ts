import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'

import { expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { digestOf } from '../support/images.js'
import { childrenOf } from '../support/memory.js'
import { expectStatus, locationOf, withDigest } from '../support/registry-client.js'
import { endedOf } from './box-processes.js'
import { Traffic } from './traffic.js'
import { useRunningBox } from './use-running-box.js'

const MIB = 1024 * 1024
const KILLS = 5
/** More than all buffers on its way together: what is killed in the midst of it is cut. */
const BYTES = 64 * MIB
/** A transfer begins anew so often at most. */
const ATTEMPTS = 20
/** What somebody hears whose worker is gone; any status would be an answer of the box. */
const CUT = /other side closed|socket disconnected|ECONNRESET|EPIPE|socket hang up|aborted|terminated/i

const box = useRunningBox()

/** kill -9 of all workers; answers when there are others. */
async function killWorkers(): Promise<void> {
  const master = box().pidOf('nginx')
  const workers = childrenOf(master)
  for (const pid of workers) process.kill(pid, 'SIGKILL')
  await eventually('the workers are gone', () => workers.every((pid) => endedOf(pid)))
  await eventually('there are others', () => childrenOf(master).some((pid) => !workers.includes(pid)))
}

/** As dockerd does it: what was cut goes on where it was cut. Answers the digest of what came, and how often it was cut. */
async function pullOn(digest: string, untilKilled: () => Promise<void>): Promise<[string, number]> {
  const hash = createHash('sha256')
  let got = 0
  for (let cuts = 0; cuts < ATTEMPTS; cuts++) {
    try {
      const begun = got
      for await (const piece of await getFrom(digest, begun)) {
        if (got === begun) await untilKilled()
        hash.update(piece as Buffer)
        got += (piece as Buffer).length
      }
      if (got === BYTES) return [`sha256:${hash.digest('hex')}`, cuts]
    } catch (error) {
      if (!Error.isError(error) || !CUT.test(error.message)) throw error
    }
  }
  throw new Error(`${got} bytes have come`)
}

async function getFrom(digest: string, from: number): Promise<IncomingMessage> {
  const request = https.get(`https://127.0.0.1:${box().ports.tls}/v2/killed/a/blobs/${digest}`, {
    headers: { range: `bytes=${from}-` },
    ca: readFileSync(box().caFile),
    agent: false,
  })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  if (response.statusCode !== 206) throw new Error(`it answered ${response.statusCode}`)
  return response
}

/** As the specification has it: who was cut asks how far it came. Answers the last status, and how often it was cut. */
async function pushOn(bytes: Uint8Array, untilKilled: () => Promise<void>): Promise<[number, number]> {
  const client = box().client('tls', box().account, { connection: 'close' })
  async function* rest(from: number): AsyncGenerator<Uint8Array> {
    for (let at = from; at < bytes.length; at += MIB) {
      yield bytes.subarray(at, at + MIB)
      if (at === from) await untilKilled()
    }
  }
  let location = await client.startUpload('killed/b')
  for (let cuts = 0; cuts < ATTEMPTS; cuts++) {
    try {
      const state = expectStatus(await client.get(location), 204)
      location = locationOf(state)
      const [, last = '0'] = /-(\d+)$/.exec(state.header('range') ?? '') ?? []
      const from = last === '0' ? 0 : Number(last) + 1
      location = locationOf(expectStatus(await client.patch(location, rest(from)), 202))
      const { status } = await client.put(withDigest(location, digestOf(bytes)))
      await client.close()
      return [status, cuts]
    } catch (error) {
      if (!Error.isError(error) || !CUT.test(error.message)) throw error
    }
  }
  throw new Error('the upload did not come to its end')
}

test('workers of nginx that are killed cut transfers, which go on where they were, and nobody hears an error of the box', async () => {
  const client = box().client('tls', box().account)
  const { digest } = await client.pushBlob('killed/a', randomBytes(BYTES))
  await client.close()
  const traffic = Traffic.start(box(), 'killed/traffic')
  let killed = Promise.withResolvers<void>()
  let waiting = 0
  const untilKilled = async (): Promise<void> => {
    waiting += 1
    await killed.promise
  }
  const transfers = Promise.all([pullOn(digest, untilKilled), pushOn(randomBytes(BYTES), untilKilled)])
  for (let kills = 0; kills < KILLS; kills++) {
    await eventually('both transfers are under way', () => waiting === 2)
    await traffic.untilDone(2)
    const before = killed
    killed = Promise.withResolvers()
    waiting = 0
    await killWorkers()
    before.resolve()
  }
  killed.resolve()
  const [[pulled, cutPulls], [status, cutPushes]] = await transfers
  await traffic.untilDone(3)
  expect(await traffic.end()).toBeGreaterThan(KILLS)
  expect({ pulled, status }).toEqual({ pulled: digest, status: 201 })
  expect([cutPulls, cutPushes]).toEqual([KILLS, KILLS])
  expect(traffic.failures.filter((failure) => !CUT.test(failure))).toEqual([])
})
