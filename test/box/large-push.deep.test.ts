import { createHash, randomBytes } from 'node:crypto'

import { expect, test } from '@jest/globals'

import { watchMemory } from '../support/memory.js'
import { expectStatus, locationOf, withDigest } from '../support/registry-client.js'
import { useRunningBox } from './use-running-box.js'

const MIB = 1024 * 1024
const PUSHED_MIB = 2048
/** Buffers of both sides of a transfer, and what a garbage collector leaves for later. */
const GROWTH_MIB = 128
/** Sessions and workers of PostgreSQL end when they like; nothing of a push goes by them. */
const COMES_AND_GOES = /^postgres: /

const running = useRunningBox()

test('a push of 2 GiB by TLS leaves the memory of every part as it was', async () => {
  const box = running()
  const client = box.client('tls', box.account)
  const watched = box
    .processes()
    .filter(({ command }) => !COMES_AND_GOES.test(command))
    .map(({ pid, command }) => ({ command, memory: watchMemory(pid) }))
  const hash = createHash('sha256')
  const piece = randomBytes(MIB)
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let number = 0; number < PUSHED_MIB; number++) {
      piece.writeUInt32LE(number)
      hash.update(piece)
      yield Buffer.from(piece)
    }
  }
  const sent = expectStatus(await client.patch(await client.startUpload('large'), pieces()), 202)
  const digest = `sha256:${hash.digest('hex')}`
  expectStatus(await client.put(withDigest(locationOf(sent), digest)), 201)
  const { status, headers } = await client.head(`/v2/large/blobs/${digest}`)
  await client.close()
  expect({ status, bytes: headers['content-length'] }).toEqual({
    status: 200,
    bytes: String(PUSHED_MIB * MIB),
  })
  const grown = watched.map(({ command, memory }) => ({
    command: command.slice(0, 60),
    grownMiB: Math.round(memory.peakMiB() - memory.beforeMiB),
  }))
  process.stdout.write(`${JSON.stringify(grown)}\n`)
  expect(grown.filter(({ grownMiB }) => grownMiB > GROWTH_MIB)).toEqual([])
})
