import { existsSync, readdirSync, utimesSync } from 'node:fs'
import path from 'node:path'

import { expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { makeImage, randomLayer } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { runToEnd } from '../support/processes.js'
import { locationOf, withDigest } from '../support/registry-client.js'
import { leftOvers, purgeAsLater } from './left-overs.js'
import { EXT4, STRACE } from './needs.js'
import { blobFolder, errorOf, serve, storeFolder } from './served.js'
import { traceProcess } from './strace.js'
import { loopVolume } from './volumes.js'

const SYNCS = ['fsync', 'fdatasync']

describeNeeding([STRACE], 'a disk that fails', () => {
  test('after three failed fsyncs pushes are refused in words, pulls go on, and it heals by itself', async () => {
    using store = storeFolder()
    await using served = await serve(store.root)
    const { client, core } = served
    const image = makeImage()
    await client.pushImage('disk/app', image, 'latest')
    const refused = makeImage()
    {
      await using _ = await traceProcess(core.process.pid, { calls: SYNCS, inject: 'error=EIO:when=1+' })
      const statuses: number[] = []
      for (const blob of refused.blobs) {
        const { digest } = blob.descriptor
        const target = `/v2/disk/app/blobs/uploads/?digest=${digest}`
        const octets = { 'content-type': 'application/octet-stream' }
        statuses.push((await client.post(target, blob.bytes, octets)).status)
      }
      expect(statuses).toEqual([503, 503, 503])
      const start = await client.post('/v2/disk/app/blobs/uploads/')
      expect([start.status, errorOf(start.body).code]).toEqual([503, 'UNAVAILABLE'])
      expect(errorOf(start.body).message).toContain('fsync fails')
      expect(start.header('retry-after')).toBeDefined()
      expect((await client.putManifest('disk/app', 'new', image.manifest)).status).toBe(503)
      const ready = await client.get('/readyz')
      expect([ready.status, ready.body.toString()]).toEqual([503, expect.stringContaining('fsync fails')])
      expect(await client.pullManifest('disk/app', 'latest')).toEqual(image.manifest)
      for (const { descriptor } of image.blobs) await client.pullBlob('disk/app', descriptor.digest)
    }
    await eventually('pushes are taken again', async () => {
      const answer = await client.post('/v2/disk/app/blobs/uploads/')
      return answer.status === 202 && (await client.delete(locationOf(answer))).status === 204
    })
    expect((await client.get('/readyz')).status).toBe(200)
    for (const { descriptor } of refused.blobs)
      expect((await client.get(`/v2/disk/app/blobs/${descriptor.digest}`)).status).toBe(404)
    await client.pushImage('disk/app', refused, 'latest')
    expect(await client.pullManifest('disk/app', 'latest')).toEqual(refused.manifest)
    expect(leftOvers(store.root)).toEqual([])
  }, 60_000)

  test('a file whose fsync has failed is never used again: its session is gone, its bytes come from a new one', async () => {
    using store = storeFolder()
    await using served = await serve(store.root)
    const { client, core } = served
    await client.pushBlob('disk/app', randomLayer()) // the folders are there
    const layer = randomLayer(50_000)
    const { digest } = layer.descriptor
    const location = await client.startUpload('disk/app')
    const chunk = await client.patch(location, layer.bytes)
    let calls: readonly string[]
    {
      await using trace = await traceProcess(core.process.pid, { calls: SYNCS, inject: 'error=EIO:when=1' })
      const closing = withDigest(locationOf(chunk), digest)
      expect((await client.put(closing)).status).toBe(503)
      const again = await client.put(closing)
      expect([again.status, errorOf(again.body).code]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
      await trace.detach()
      calls = trace.calls()
    }
    // Its link is synced beside it, by another thread.
    expect(calls.filter((line) => line.includes('INJECTED') && line.includes('/uploads/'))).toEqual([
      expect.stringMatching(/uploads\/[0-9a-f-]+\/data\.\d+>\) += -1 EIO/),
    ])
    expect(existsSync(path.join(blobFolder(store.root, digest), 'data'))).toBe(false)
    await client.pushBlob('disk/app', layer)
    await client.pullBlob('disk/app', digest)
    expect(leftOvers(store.root)).toEqual([])
  }, 30_000)

  test.each(['EIO', 'EXDEV', 'ENOENT', 'EACCES'])(
    'a push whose renames fail with %s is not acknowledged, and works when they work',
    async (error) => {
      using store = storeFolder()
      await using served = await serve(store.root)
      const { client, core } = served
      const first = makeImage()
      await client.pushImage('disk/app', first, 'latest')
      const image = makeImage()
      for (const blob of image.blobs) await client.pushBlob('disk/app', blob)
      {
        const calls = ['?rename', '?renameat', '?renameat2']
        await using _ = await traceProcess(core.process.pid, { calls, inject: `error=${error}:when=1+` })
        const answer = await client.putManifest('disk/app', 'latest', image.manifest)
        expect([answer.status, errorOf(answer.body).code]).toEqual([503, 'UNAVAILABLE'])
      }
      expect(await client.pullManifest('disk/app', 'latest')).toEqual(first.manifest)
      await client.pushManifest('disk/app', image.manifest, 'latest')
      expect(await client.pullManifest('disk/app', 'latest')).toEqual(image.manifest)
      expect(leftOvers(store.root)).toEqual([])
    },
    30_000,
  )

  test('a blob that cannot be read breaks the connection, is quarantined, and heals with a push', async () => {
    using store = storeFolder()
    // One thread in the pool, so that it makes all the reads and the second one is the second.
    await using served = await serve(store.root, { environment: { UV_THREADPOOL_SIZE: '1' } })
    const { client, core } = served
    const layer = randomLayer(3_000_000)
    const { digest } = layer.descriptor
    await client.pushBlob('disk/app', layer)
    const file = path.join(blobFolder(store.root, digest), 'data')
    {
      await using _ = await traceProcess(core.process.pid, {
        calls: ['read', 'pread64', 'preadv', 'readv'],
        inject: 'error=EIO:when=2+',
        files: [file],
      })
      await expect(client.get(`/v2/disk/app/blobs/${digest}`)).rejects.toThrow('closed')
    }
    await eventually('the blob is quarantined', () => !existsSync(file))
    expect(readdirSync(path.join(store.root, 'entrepot/quarantine/sha256'))).toHaveLength(1)
    expect((await client.get(`/v2/disk/app/blobs/${digest}`)).status).toBe(404)
    expect((await client.head(`/v2/disk/app/blobs/${digest}`)).status).toBe(404)
    await client.pushBlob('disk/app', layer)
    await client.pullBlob('disk/app', digest)
  }, 30_000)

  test('a process without file descriptors says so, leaves nothing half done, and recovers', async () => {
    using store = storeFolder()
    await using served = await serve(store.root)
    const { client, core } = served
    const image = makeImage()
    await client.pushImage('disk/app', image, 'latest')
    const { pid } = core.process
    // Connections first: it is the files that shall be missing.
    await Promise.all(Array.from({ length: 20 }, () => client.get('/v2/')))
    const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
    const lowestFree = Array.from({ length: open.size + 1 }, (_, fd) => fd).find((fd) => !open.has(fd)) ?? 0
    const limit = async (files: number): Promise<void> => {
      const { code } = await runToEnd('prlimit', ['--pid', String(pid), `--nofile=${files}:4096`])
      expect(code).toBe(0)
    }
    await limit(lowestFree + 1)
    const layers = Array.from({ length: 20 }, () => randomLayer(2000))
    const pushes = await Promise.allSettled(
      layers.map(({ bytes, descriptor }) =>
        client.post(`/v2/disk/app/blobs/uploads/?digest=${descriptor.digest}`, bytes, {
          'content-type': 'application/octet-stream',
        }),
      ),
    )
    const answers = pushes.flatMap((push) => (push.status === 'fulfilled' ? [push.value] : []))
    const refusals = answers.filter(({ status }) => status !== 201)
    expect(refusals.length).toBeGreaterThan(0)
    for (const { status, body } of refusals)
      expect([status, errorOf(body).message]).toEqual([503, expect.stringContaining('no file descriptor')])
    const pull = await client.get(`/v2/disk/app/manifests/${image.manifest.descriptor.digest}`)
    expect([200, 503]).toContain(pull.status)
    await limit(4096)
    await client.pushImage('disk/app', image, 'again')
    for (const layer of layers) await client.pushBlob('disk/app', layer)
    for (const { descriptor } of layers) await client.pullBlob('disk/app', descriptor.digest)
    // To clean up takes descriptors too: what could not be removed then goes with the jobs of a later day.
    await core.stop()
    await purgeAsLater(store.root)
    expect(leftOvers(store.root)).toEqual([])
  }, 30_000)
})

describeNeeding([EXT4], 'a disk that turns read-only', () => {
  test('pulls go on, pushes are refused in words, and it heals by itself', async () => {
    await using volume = await loopVolume('ext4')
    const image = makeImage()
    {
      await using first = await serve(volume.root)
      await first.client.pushImage('disk/app', image, 'latest')
    }
    // Content of last week, whose promises want to be renewed.
    const old = new Date('2026-01-01')
    for (const { descriptor } of image.blobs)
      utimesSync(path.join(blobFolder(volume.root, descriptor.digest), 'lease'), old, old)
    await using served = await serve(volume.root)
    const { client } = served
    await volume.remount('ro')
    const pull = async (): Promise<void> => {
      expect(await client.pullManifest('disk/app', 'latest')).toEqual(image.manifest)
      expect((await client.head('/v2/disk/app/manifests/latest')).status).toBe(200)
      for (const { descriptor } of image.blobs) await client.pullBlob('disk/app', descriptor.digest)
    }
    await pull()
    const push = await client.post('/v2/disk/app/blobs/uploads/')
    expect([push.status, errorOf(push.body).code]).toEqual([503, 'UNAVAILABLE'])
    expect(errorOf(push.body).message).toContain('read-only')
    expect((await client.putManifest('disk/app', 'other', image.manifest)).status).toBe(503)
    expect((await client.delete('/v2/disk/app/manifests/latest')).status).toBe(503)
    await pull()
    const status = async (): Promise<number> => (await client.get('/readyz')).status
    await eventually('/readyz is 503', async () => (await status()) === 503, { deadlineMs: 30_000 })
    expect((await client.get('/readyz')).body.toString()).toContain('mounted read-only')
    await volume.remount('rw')
    await eventually('/readyz is 200 without a push', async () => (await status()) === 200, {
      deadlineMs: 30_000,
    })
    await client.pushImage('disk/app', makeImage(), 'other')
    expect((await client.delete('/v2/disk/app/manifests/latest')).status).toBe(202)
    expect(leftOvers(volume.root)).toEqual([])
  }, 120_000)
})
