import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'

import { http2Request } from '../front/http2-request.js'
import type { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { type Content, digestOf, type Image, makeImage } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { type RunningNginx, startNginx } from '../support/nginx.js'
import { expectStatus, RegistryClient } from '../support/registry-client.js'
import { download } from './download.js'
import { getManifest, pullImage } from './pulls.js'
import { openScene, type Scene } from './scene.js'

const HUB = 'docker.io'
const MIB = 1024 * 1024
const NEEDS = [
  { program: 'nginx', debianPackage: 'nginx-light' },
  { program: 'openssl', debianPackage: 'openssl' },
]

describeNeeding(NEEDS, 'a mirror behind nginx', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const coreSocket = path.join(folder, 'core.sock')
  let scene: Scene<typeof HUB> & { close(): Promise<void> }
  let nginx: RunningNginx
  let client: RegistryClient
  let images = 0
  let repository: string
  let image: Image
  let layer: Content
  let target: string

  beforeAll(async () => {
    scene = await openScene({ hosts: { [HUB]: {} }, socket: coreSocket })
    nginx = await startNginx({ coreSocket, storeRoot: scene.mirror.core.root })
    client = new RegistryClient(`http://127.0.0.1:${nginx.httpPort}`)
  })
  afterAll(async () => {
    await client.close()
    await nginx.stop()
    await scene.close()
    rmSync(folder, { recursive: true })
  })
  beforeEach(async () => {
    const name = `nginx/r${++images}`
    repository = `${HUB}/${name}`
    image = makeImage({ layers: 1, layerSizeBytes: 4 * MIB })
    layer = image.blobs[1] ?? image.manifest
    target = `/v2/${repository}/blobs/${layer.descriptor.digest}`
    hub().hold(name, image, 'v1')
    expectStatus(await getManifest(client, repository, 'v1'), 200)
  })
  afterEach(() => {
    hub().heal()
    hub().bytesPerSecond = Number.POSITIVE_INFINITY
  })
  function hub(): FakeUpstream {
    return scene.upstreams[HUB]
  }

  test('gives an image whole, again from its store, and in ranges', async () => {
    expect(await pullImage(client, [repository, 'v1'], image)).toMatchObject({ origin: HUB })
    hub().requests = []
    const { cache } = await pullImage(client, [repository, 'v1'], image)
    expect(cache).toEqual(['hit', 'hit', 'hit'])
    const part = await client.get(target, { range: 'bytes=1000-1999' })
    expect([part.status, part.body]).toEqual([206, layer.bytes.subarray(1000, 2000)])
    expect(hub().requests).toEqual([])
  })

  test('gives the first bytes while the last ones are still upstream', async () => {
    const mend = hub().fail({ on: 'blob', how: { stallAfter: 3 * MIB } })
    const reader = await download(nginx.httpPort, target)
    await reader.until(2 * MIB)
    mend()
    reader.leave()
  })

  test('fetches a blob once for eight clients', async () => {
    hub().bytesPerSecond = 8 * MIB
    const readers = await Promise.all(Array.from({ length: 8 }, () => download(nginx.httpPort, target)))
    for (const { ended } of readers) expect(await ended).toBe('whole')
    for (const { received } of readers) expect(digestOf(received())).toBe(layer.descriptor.digest)
    expect(hub().count({ kind: 'blob', reference: layer.descriptor.digest, method: 'GET' })).toBe(1)
  })

  test.each([
    ['with a length', []],
    ['of unknown length', ['no-length']],
  ] as const)('shows a wrong body %s as a broken answer over HTTP/1.1 (attack 53)', async (_how, more) => {
    for (const how of more) hub().fail({ on: 'blob', how })
    hub().fail({ on: 'blob', how: 'wrong-body' })
    const reader = await download(nginx.httpPort, target)
    expect([reader.status, await reader.ended]).toEqual([200, 'broken'])
    expect(reader.received().length).toBeLessThan(layer.bytes.length)
  })

  test.each([
    ['with a length', []],
    ['of unknown length', ['no-length']],
  ] as const)('shows a wrong body %s as a broken answer over HTTP/2 (attack 53)', async (_how, more) => {
    for (const how of more) hub().fail({ on: 'blob', how })
    hub().fail({ on: 'blob', how: 'wrong-body' })
    await expect(http2Request(nginx, { ':path': target })).rejects.toMatchObject({
      code: expect.stringMatching(/ERR_HTTP2_STREAM_ERROR|ECONNRESET|ABORT_ERR|ERR_STREAM_PREMATURE_CLOSE/),
    })
  })

  test('obeys no header of the upstream that is meant for it (attack 22)', async () => {
    hub().fail({ how: { headers: { 'x-accel-redirect': '/v2/', 'x-accel-limit-rate': '1' } } })
    await pullImage(client, [repository, 'v1'], image)
  })
})
