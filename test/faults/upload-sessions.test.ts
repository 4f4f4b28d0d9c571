import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'

import { expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { randomLayer } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { type Answer, expectStatus, locationOf, withDigest } from '../support/registry-client.js'
import { leftOvers } from './left-overs.js'
import { STRACE } from './needs.js'
import { blobFolder, serve, storeFolder } from './served.js'
import { traceProcess } from './strace.js'

const REPOSITORY = 'upload/app'
const READS = ['read', 'readv', 'pread64', 'preadv', 'preadv2', 'copy_file_range', 'sendfile']

/** The offset that a session says. */
function offsetOf(answer: Answer): number {
  const [, last] = /^0-(\d+)$/.exec(answer.header('range') ?? '') ?? []
  return Number(last) + 1
}

/** How many bytes of the session's files were read, by what strace saw. */
function bytesRead(calls: readonly string[]): number {
  return calls
    .filter((line) => /entrepot\/uploads\/[^>]*\/data\./.test(line))
    .reduce((total, line) => total + Number(/= (\d+)$/.exec(line)?.[1] ?? 0), 0)
}

describeNeeding([STRACE], 'an upload in several requests', () => {
  test('goes on after each kill of its process, at the exact offset, and has the right digest', async () => {
    using store = storeFolder()
    const layer = randomLayer(900_000)
    const offsets: number[] = []
    let location = ''
    for (let from = 0; from < 900_000; from += 300_000) {
      await using served = await serve(store.root)
      const { client, core } = served
      if (location === '') location = await client.startUpload(REPOSITORY)
      offsets.push(offsetOf(expectStatus(await client.get(location), 204)))
      const late = await client.patch(location, layer.bytes.subarray(0, 10), {
        'content-range': `${from + 5}-${from + 14}`,
      })
      expect(late.status).toBe(416)
      const chunk = layer.bytes.subarray(from, from + 300_000)
      const range = { 'content-range': `${from}-${from + chunk.length - 1}` }
      location = locationOf(expectStatus(await client.patch(location, chunk, range), 202))
      core.process.signal('SIGKILL')
      await core.process.ended
    }
    expect(offsets).toEqual([1, 300_000, 600_000]) // nothing and one byte read the same
    await using served = await serve(store.root)
    const { digest } = layer.descriptor
    expectStatus(await served.client.put(withDigest(location, digest)), 201)
    await served.client.pullBlob(REPOSITORY, digest)
    expect(leftOvers(store.root)).toEqual([])
  }, 60_000)

  test('killed in the middle of a chunk it stands where the chunk before had ended', async () => {
    using store = storeFolder()
    const layer = randomLayer(600_000)
    let location: string
    {
      await using served = await serve(store.root)
      const { client, core } = served
      const first = await client.patch(await client.startUpload(REPOSITORY), layer.bytes.subarray(0, 200_000))
      location = locationOf(first)
      const received = Promise.withResolvers<void>()
      async function* slow(): AsyncGenerator<Uint8Array> {
        yield layer.bytes.subarray(200_000, 500_000)
        await received.promise
      }
      const chunk = client.patch(location, slow()).catch(() => undefined)
      const upload = path.join(store.root, 'entrepot/uploads', path.basename(location))
      await eventually('the second chunk has a claim', () =>
        readdirSync(upload).some((name) => /^claim\.0*2$/.test(name)),
      )
      core.process.signal('SIGKILL')
      await core.process.ended
      received.resolve()
      await chunk
    }
    await using served = await serve(store.root)
    const { client } = served
    expect(offsetOf(expectStatus(await client.get(location), 204))).toBe(200_000)
    const rest = await client.patch(location, layer.bytes.subarray(200_000))
    expectStatus(await client.put(withDigest(locationOf(rest), layer.descriptor.digest)), 201)
    await client.pullBlob(REPOSITORY, layer.descriptor.digest)
    expect(leftOvers(store.root)).toEqual([])
  }, 60_000)

  test('the closing empty PUT reads nothing, in this process and in another one', async () => {
    using store = storeFolder()
    await using first = await serve(store.root)
    await using second = await serve(store.root)
    for (const closing of [first, second]) {
      const layer = randomLayer(2_000_000)
      const chunk = await first.client.patch(await first.client.startUpload(REPOSITORY), layer.bytes)
      await using trace = await traceProcess(closing.core.process.pid, { calls: READS })
      const target = withDigest(locationOf(expectStatus(chunk, 202)), layer.descriptor.digest)
      expectStatus(await closing.client.put(target), 201)
      await trace.detach()
      expect(trace.calls().length).toBeGreaterThan(0)
      expect(bytesRead(trace.calls())).toBe(0)
      await second.client.pullBlob(REPOSITORY, layer.descriptor.digest)
    }
    // That reads of such a file are seen at all: a further chunk in the other process copies what is there.
    const layer = randomLayer(2_000_000)
    const half = await first.client.patch(
      await first.client.startUpload(REPOSITORY),
      layer.bytes.subarray(0, 1_000_000),
    )
    await using trace = await traceProcess(second.core.process.pid, { calls: READS })
    const rest = await second.client.patch(locationOf(half), layer.bytes.subarray(1_000_000))
    expectStatus(await second.client.put(withDigest(locationOf(rest), layer.descriptor.digest)), 201)
    await trace.detach()
    expect(bytesRead(trace.calls())).toBe(1_000_000)
    await first.client.pullBlob(REPOSITORY, layer.descriptor.digest)
    expect(leftOvers(store.root)).toEqual([])
  }, 60_000)

  test('a writer frozen in a chunk, whose upload another process finished, harms nothing when it wakes up', async () => {
    using store = storeFolder()
    await using frozen = await serve(store.root)
    await using second = await serve(store.root)
    const layer = randomLayer(1_500_000)
    const { digest } = layer.descriptor
    const begun = await frozen.client.patch(
      await frozen.client.startUpload(REPOSITORY),
      layer.bytes.subarray(0, 500_000),
    )
    const location = locationOf(expectStatus(begun, 202))
    const woken = Promise.withResolvers<void>()
    // Other bytes than those that the second process will be sent: were they written into what it commits, it would show.
    async function* poison(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(300_000, 'x')
      await woken.promise
      for (let count = 0; count < 30; count += 1) yield Buffer.alloc(100_000, 'y')
    }
    const chunk = frozen.client.patch(location, poison()).then(
      ({ status }) => status,
      () => 'the connection broke' as const,
    )
    const upload = path.join(store.root, 'entrepot/uploads', path.basename(location))
    await eventually('the chunk has its claim', () =>
      readdirSync(upload).some((name) => /^claim\.0*2$/.test(name)),
    )
    frozen.core.process.signal('SIGSTOP')
    try {
      expect(offsetOf(expectStatus(await second.client.get(location), 204))).toBe(500_000)
      const rest = await second.client.patch(location, layer.bytes.subarray(500_000))
      expectStatus(await second.client.put(withDigest(locationOf(rest), digest)), 201)
      await second.client.pullBlob(REPOSITORY, digest)
    } finally {
      frozen.core.process.signal('SIGCONT')
    }
    woken.resolve()
    expect([404, 409, 'the connection broke']).toContain(await chunk)
    for (const { client } of [frozen, second]) {
      await client.pullBlob(REPOSITORY, digest)
      expect((await client.get(location)).status).toBe(404)
    }
    expect(existsSync(path.join(blobFolder(store.root, digest), 'lease'))).toBe(true)
    expect(leftOvers(store.root)).toEqual([])
  }, 60_000)

  test('a writer frozen before its closing PUT, overtaken by another one, commits nothing over it', async () => {
    using store = storeFolder()
    await using frozen = await serve(store.root)
    await using second = await serve(store.root)
    const layer = randomLayer(400_000)
    const { digest } = layer.descriptor
    const chunk = await frozen.client.patch(await frozen.client.startUpload(REPOSITORY), layer.bytes)
    const closing = withDigest(locationOf(expectStatus(chunk, 202)), digest)
    frozen.core.process.signal('SIGSTOP')
    const late = frozen.client.put(closing) // waits in the socket
    try {
      expectStatus(await second.client.put(closing), 201)
    } finally {
      frozen.core.process.signal('SIGCONT')
    }
    expect((await late).status).toBe(404)
    await frozen.client.pullBlob(REPOSITORY, digest)
    expect(leftOvers(store.root)).toEqual([])
  }, 60_000)

  test('two processes that close one upload at once: one commits it, both know the blob', async () => {
    using store = storeFolder()
    await using first = await serve(store.root)
    await using second = await serve(store.root)
    for (let round = 0; round < 10; round += 1) {
      const layer = randomLayer(50_000)
      const chunk = await first.client.patch(await second.client.startUpload(REPOSITORY), layer.bytes)
      const closing = withDigest(locationOf(expectStatus(chunk, 202)), layer.descriptor.digest)
      const answers = await Promise.all([first, second].map(({ client }) => client.put(closing)))
      const statuses = answers.map(({ status }) => status).sort((a, b) => a - b)
      expect(statuses[0]).toBe(201)
      expect([201, 404, 409]).toContain(statuses[1])
      for (const { client } of [first, second]) await client.pullBlob(REPOSITORY, layer.descriptor.digest)
    }
    expect(leftOvers(store.root)).toEqual([])
  }, 60_000)
})
