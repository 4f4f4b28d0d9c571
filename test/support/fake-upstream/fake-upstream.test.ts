import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

import { systemClock } from '#core/system/clock.js'
import { makeCertificates } from '../certificates.js'
import { openDeafPort } from '../deaf-port.js'
import { absentDigest, digestOf, type Image, makeArtifact, makeImage } from '../images.js'
import { type Answer, RegistryClient } from '../registry-client.js'
import { FakeUpstream, type FakeUpstreamOptions } from './fake-upstream.js'

/** How undici says that a connection went. */
const BROKEN = /^(?:ECONNRESET|UND_ERR_SOCKET)$/
const MANIFEST = '/v2/library/alpine/manifests/3.20'

describe('a scripted upstream', () => {
  let upstream: FakeUpstream
  let client: RegistryClient
  let image: Image

  async function start(options: FakeUpstreamOptions = {}): Promise<void> {
    await stop()
    upstream = await FakeUpstream.start(options)
    upstream.hold('library/alpine', image, '3.20')
    client = new RegistryClient(upstream.url)
  }
  async function stop(): Promise<void> {
    await client?.close()
    await upstream?.close()
  }
  beforeEach(async () => {
    image = makeImage({ layerSizeBytes: 100_000 })
    await start()
  })
  afterEach(stop)

  function layer(): { readonly target: string; readonly digest: string; readonly bytes: Buffer } {
    const blob = image.blobs[1] ?? image.manifest
    const { digest } = blob.descriptor
    return { target: `/v2/library/alpine/blobs/${digest}`, digest, bytes: blob.bytes }
  }
  function basic(user: string): Readonly<Record<string, string>> {
    return { authorization: `Basic ${Buffer.from(user).toString('base64')}` }
  }
  async function bearer(scope: string, headers = {}): Promise<Readonly<Record<string, string>>> {
    const { token } = (await client.get(`/token?service=s&scope=${scope}`, headers)).json() as {
      token: string
    }
    return { authorization: `Bearer ${token}` }
  }
  /** How a call goes wrong: the code of the error, at whatever depth. */
  async function failureOf(call: Promise<Answer>): Promise<string> {
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    return String((error as { readonly code?: string } | undefined)?.code)
  }

  describe('that is well', () => {
    test('gives an image, its tags and who refers to it, and knows nothing else', async () => {
      const signature = makeArtifact('application/vnd.test.signature', { subject: image.manifest.descriptor })
      upstream.hold('library/alpine', signature)
      upstream.hold('library/alpine', image, '3.19')
      expect(await client.pullManifest('library/alpine', '3.20')).toEqual(image.manifest)
      expect(await client.pullBlob('library/alpine', layer().digest)).toEqual(layer().bytes)
      const tags = await client.get('/v2/library/alpine/tags/list?n=1')
      expect(tags.json()).toEqual({ name: 'library/alpine', tags: ['3.19'] })
      expect(tags.header('link')).toContain('last=3.19')
      const { digest } = image.manifest.descriptor
      expect((await client.get(`/v2/library/alpine/referrers/${digest}`)).json()).toMatchObject({
        manifests: [{ digest: signature.manifest.descriptor.digest }],
      })
      expect((await client.get(`/v2/library/alpine/blobs/${absentDigest()}`)).status).toBe(404)
      expect((await client.get(`/v2/library/other/blobs/${layer().digest}`)).status).toBe(404)
    })

    test('serves ranges, and refuses one past the end', async () => {
      const answer = await client.get(layer().target, { range: 'bytes=99000-' })
      expect(answer.header('content-range')).toBe('bytes 99000-99999/100000')
      expect(answer.body).toEqual(layer().bytes.subarray(99_000))
      expect((await client.get(layer().target, { range: 'bytes=5-9' })).body).toEqual(
        layer().bytes.subarray(5, 10),
      )
      expect((await client.get(layer().target, { range: 'bytes=100000-' })).status).toBe(416)
    })

    test('counts what it is asked', async () => {
      await client.get(layer().target, { range: 'bytes=7-' })
      await client.head(MANIFEST)
      await client.get(MANIFEST)
      expect(upstream.count({ kind: 'manifest' })).toBe(2)
      expect(upstream.count({ kind: 'manifest', method: 'HEAD', reference: '3.20' })).toBe(1)
      expect(upstream.count({ kind: 'blob', range: 'bytes=7-', status: 206 })).toBe(1)
      expect(upstream.blobBytes).toBe(99_993)
    })

    test('moves a tag', async () => {
      const next = makeImage()
      upstream.fail({
        on: 'manifest',
        times: 1,
        how: { afterwards: () => upstream.hold('library/alpine', next, '3.20') },
      })
      expect(await client.pullManifest('library/alpine', '3.20')).toEqual(image.manifest)
      expect(await client.pullManifest('library/alpine', '3.20')).toEqual(next.manifest)
      upstream.drop('library/alpine', '3.20')
      expect((await client.get(MANIFEST)).status).toBe(404)
    })
  })

  describe('with accounts', () => {
    test('gives tokens, counted by scope, and takes them for what they are for', async () => {
      await start({ auth: 'bearer', users: { me: 'secret' }, privateRepositories: ['acme'] })
      upstream.hold('acme/app', image, 'v1')
      const scope = 'repository:library/alpine:pull'
      const challenge = await client.get(MANIFEST)
      expect(challenge.status).toBe(401)
      expect(challenge.header('www-authenticate')).toContain(`realm="${upstream.url}/token"`)
      expect(challenge.header('www-authenticate')).toContain(`scope="${scope}"`)
      expect((await client.get(MANIFEST, await bearer(scope))).status).toBe(200)
      expect(upstream.tokens.issued).toEqual(new Map([[scope, 1]]))
      const wanted = 'repository:acme/app:pull'
      const target = '/v2/acme/app/manifests/v1'
      expect((await client.get(target, await bearer(scope))).status).toBe(401)
      expect((await client.get(target, await bearer(wanted))).status).toBe(401)
      expect((await client.get(target, await bearer(wanted, basic('me:secret')))).status).toBe(200)
      expect((await client.get('/token', basic('me:wrong'))).status).toBe(401)
    })

    test('believes the tokens of another, and says where that is', async () => {
      const issuer = await FakeUpstream.start()
      try {
        await start({ auth: 'bearer', issuer })
        expect((await client.get(MANIFEST)).header('www-authenticate')).toContain(
          `realm="${issuer.url}/token"`,
        )
      } finally {
        await issuer.close()
      }
    })

    test('takes Basic', async () => {
      await start({ auth: 'basic', users: { me: 'secret' } })
      expect((await client.get(MANIFEST)).header('www-authenticate')).toMatch(/^Basic /)
      expect((await client.get(MANIFEST, basic('me:secret'))).status).toBe(200)
    })

    test('speaks TLS', async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
      try {
        const tls = await makeCertificates(folder)
        await start({ tls })
        await client.close()
        client = new RegistryClient(upstream.url, { tls: { ca: readFileSync(tls.caFile) } })
        expect((await client.get(MANIFEST)).status).toBe(200)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  })

  describe('that fails', () => {
    test('so often as it was told, where it was told, and until it is healed', async () => {
      upstream.fail({ on: 'manifest', where: { method: 'GET' }, times: 1, how: { status: 503 } })
      expect((await client.head(MANIFEST)).status).toBe(200)
      expect((await client.get(MANIFEST)).status).toBe(503)
      expect((await client.get(MANIFEST)).status).toBe(200)
      const mend = upstream.fail({ on: 'blob', how: { status: 429, headers: { 'retry-after': '7' } } })
      expect((await client.get(layer().target)).header('retry-after')).toBe('7')
      mend()
      expect((await client.get(layer().target)).status).toBe(200)
      upstream.fail({ how: { status: 500 } })
      expect((await client.get('/v2/')).status).toBe(500)
      upstream.heal()
      expect((await client.get('/v2/')).status).toBe(200)
    })

    test('in what it says', async () => {
      upstream.fail({ times: 1, how: 'login-page' })
      expect((await client.get(MANIFEST)).header('content-type')).toBe('text/html')
      upstream.fail({ times: 1, how: 'wrong-body' })
      const wrong = await client.get(layer().target)
      expect(wrong.body).toHaveLength(100_000)
      expect(digestOf(wrong.body)).not.toBe(layer().digest)
      upstream.fail({ times: 1, how: 'wrong-digest-header' })
      expect((await client.get(MANIFEST)).header('docker-content-digest')).not.toBe(
        image.manifest.descriptor.digest,
      )
      upstream.fail({ times: 1, how: 'no-digest-header' })
      expect((await client.get(MANIFEST)).header('docker-content-digest')).toBeUndefined()
      upstream.fail({ times: 1, how: 'gzip' })
      const packed = await client.get(layer().target)
      expect(packed.header('content-encoding')).toBe('gzip')
      expect(gunzipSync(packed.body)).toEqual(layer().bytes)
      upstream.fail({ times: 1, how: { headers: { 'x-accel-redirect': '/secret' } } })
      expect((await client.get(MANIFEST)).header('x-accel-redirect')).toBe('/secret')
      upstream.fail({ times: 1, how: 'no-length' })
      expect((await client.get(layer().target)).header('transfer-encoding')).toBe('chunked')
      upstream.fail({ times: 1, how: 'no-ranges' })
      expect((await client.get(layer().target, { range: 'bytes=5-' })).body).toHaveLength(100_000)
    })

    test('with connections that break', async () => {
      upstream.fail({ times: 1, how: 'reset' })
      expect(await failureOf(client.get(MANIFEST))).toMatch(BROKEN)
      upstream.fail({ times: 1, how: { cutAfter: 1000 } })
      expect(await failureOf(client.get(layer().target))).toMatch(BROKEN)
      expect(upstream.blobBytes).toBe(1000)
      upstream.fail({ times: 1, how: { endAfter: 1000 } })
      expect(await failureOf(client.get(layer().target))).toMatch(BROKEN)
      upstream.fail({ times: 1, how: { lengthOffBy: 10 } })
      upstream.fail({ times: 1, how: { endAfter: 100_000 } })
      expect(await failureOf(client.get(layer().target))).toMatch(BROKEN)
      upstream.fail({ times: 1, how: { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' } })
      expect((await client.get(MANIFEST)).body.toString()).toBe('ok')
    })

    test('by sending on', async () => {
      upstream.fail({ on: 'blob', how: { redirect: (seen) => upstream.elsewhere(seen) } })
      const location = (await client.get(layer().target)).header('location') ?? ''
      expect((await client.get(location)).body).toEqual(layer().bytes)
      expect((await client.get(location, { authorization: 'Bearer x' })).status).toBe(400)
      expect(upstream.count({ kind: 'elsewhere', status: 200 })).toBe(1)
    })

    test('by taking its time', async () => {
      upstream.fail({ on: 'manifest', times: 1, how: { delayMs: 200 } })
      const start = performance.now()
      await client.get(MANIFEST)
      expect(performance.now() - start).toBeGreaterThan(190)
      upstream.fail({ on: 'blob', how: { bytesPerSecond: 400_000 } })
      await client.get(layer().target)
      expect(performance.now() - start).toBeGreaterThan(400)
    })

    test.each([
      ['before the headers', 'hang'],
      ['in the middle of a body', { stallAfter: 1000 }],
      ['by never coming to an end', 'endless'],
    ] as const)('%s', async (_when, how) => {
      upstream.fail({ on: 'blob', how })
      const answer = await Promise.race([
        failureOf(client.get(layer().target)),
        systemClock.sleep(300).then(() => 'nothing came of it'),
      ])
      expect(answer).toBe('nothing came of it')
    })
  })

  test('is refused while it is down, and comes back on its port', async () => {
    const { url } = upstream
    await upstream.down()
    expect(await failureOf(client.get(MANIFEST))).toBe('ECONNREFUSED')
    await upstream.up()
    expect(upstream.url).toBe(url)
    expect((await client.get(MANIFEST)).status).toBe(200)
  })
})

test('a deaf port takes no connection and refuses none', async () => {
  const deaf = await openDeafPort()
  const socket = net.connect({ port: deaf.port, host: '127.0.0.1' })
  const heard = await new Promise((resolve) => {
    socket.once('connect', () => resolve('taken')).once('error', () => resolve('refused'))
    systemClock.after(500, () => resolve('nothing'))
  })
  socket.destroy()
  await deaf.close()
  expect(heard).toBe('nothing')
})
