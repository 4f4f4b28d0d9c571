import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

import { FakeUpstream } from '../support/fake-upstream/fake-upstream.js'
import { makeImage } from '../support/images.js'
import { type Mirror, startMirror } from '../support/mirror.js'
import { runToEnd } from '../support/processes.js'
import { expectStatus, RegistryClient } from '../support/registry-client.js'

const CORE = fileURLToPath(new URL('../../../registry-core/bin/registry-core.js', import.meta.url))
const DAEMON = { 'user-agent': 'docker/20.10.24 go/go1.19 os/linux arch/amd64' }

describe('registry-core status', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
  const socket = path.join(folder, 'control.sock')
  const file = path.join(folder, 'config.yml')
  let upstream: FakeUpstream
  let mirror: Mirror
  beforeAll(async () => {
    upstream = await FakeUpstream.start()
    mirror = await startMirror({
      upstreams: [{ host: 'docker.io', at: upstream }],
      overlay: { onRegistry: [] },
      config: { internal: { socket } },
    })
    writeFileSync(
      file,
      JSON.stringify({
        ...{ version: '0.1', internal: { socket }, http: { addr: '127.0.0.1:5000' } },
        storage: { filesystem: { rootdirectory: path.join(folder, 'store') } },
      }),
    )
  })
  afterAll(async () => {
    await mirror.remove()
    await upstream.close()
    rmSync(folder, { recursive: true })
  })

  const ask = (...options: readonly string[]) =>
    runToEnd(process.execPath, [CORE, 'status', file, ...options])

  test('says that all is well, and of each upstream that it is asked', async () => {
    const { code, stdout } = await ask()
    expect([code, stdout]).toEqual([0, 'ready\ndocker.io is asked\n'])
  })

  test('names daemons that take the registry for their mirror', async () => {
    const daemon = new RegistryClient(mirror.core.baseUrl, { headers: DAEMON })
    for (const _ of [1, 2]) expectStatus(await daemon.get('/v2/library/redis/manifests/7'), 404)
    expectStatus(await mirror.registry.get('/v2/library/redis/manifests/7'), 404)
    await daemon.close()
    const { stdout } = await ask()
    expect(stdout).toContain(
      "2 requests of daemons that take the registry's address for a mirror ended in a 404",
    )
    expect(stdout).toContain('library/redis, 2 times, last by 127.0.0.1')
  })

  test('lists a name that was pushed here after mirrors had served it', async () => {
    const [ofHub, own] = [makeImage(), makeImage()]
    upstream.hold('library/nginx', ofHub, '1')
    expectStatus(await mirror.mirror.get('/v2/library/nginx/manifests/1'), 200)
    for (const blob of own.blobs) await mirror.registry.pushBlob('nginx', blob)
    expectStatus(await mirror.registry.putManifest('nginx', '1', own.manifest), 201)
    const { stdout } = await ask('--json')
    expect(JSON.parse(stdout)).toMatchObject({
      collisions: [{ local: 'nginx', mirrored: 'docker.io/library/nginx', served: 'upstream' }],
    })
  })

  test('counts logins that were sent to a mirror and are not ours, and says why an upstream rests', async () => {
    const authorization = `Basic ${Buffer.from('hub-user:hub-password').toString('base64')}`
    const client = mirror.connect({ headers: { authorization } })
    expectStatus(await client.get('/v2/'), 200)
    upstream.fail({ on: 'manifest', how: { status: 503 } })
    for (const tag of ['a', 'b', 'c']) await mirror.mirror.get(`/v2/library/alpine/manifests/${tag}`)
    const { code, stdout } = await ask()
    expect(stdout).toMatch(/^docker\.io is resting for \d+ s after: /m)
    expect(stdout).toMatch(/^\d+ logins that are not ours were sent to mirrors, and dropped$/m)
    expect(stdout).not.toContain('hub-password')
    expect(code).toBe(0)
  })

  test('of nobody says where it asked, and ends with 3', async () => {
    const nowhere = path.join(folder, 'nowhere.yml')
    writeFileSync(
      nowhere,
      JSON.stringify({
        ...{ version: '0.1', internal: { socket: path.join(folder, 'none.sock') } },
        ...{ http: { addr: '127.0.0.1:5000' }, storage: { inmemory: {} } },
      }),
    )
    const { code, stderr } = await runToEnd(process.execPath, [CORE, 'status', nowhere])
    expect([code, stderr]).toEqual([3, expect.stringContaining('none.sock')])
  })
})
