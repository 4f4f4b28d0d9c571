import { once } from 'node:events'
import { describe, expect, test } from '@jest/globals'

import { eventually } from '../support/eventually.js'
import { digestOf, randomLayer } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { connectTo } from '../support/processes.js'
import { lines, sendRaw } from '../support/raw-http.js'
import { type Answer, pieces, RegistryClient } from '../support/registry-client.js'
import { useFrontedCore } from './fronted-core.js'
import { http2Request } from './http2-request.js'
import { NEEDS, readToEnd } from './suite.js'

const MIB = 1024 * 1024

/** Headers of a blob that must not depend on who sends it. */
const OF_A_BLOB = [
  ...['content-type', 'docker-content-digest', 'docker-distribution-api-version', 'etag', 'cache-control'],
  ...['x-content-type-options', 'content-security-policy', 'content-disposition'],
  ...['x-cache', 'x-entrepot-origin', 'oci-namespace'],
]

function ofABlob(answer: Answer): Readonly<Record<string, unknown>> {
  return Object.fromEntries(OF_A_BLOB.map((name) => [name, answer.headers[name]]))
}

describeNeeding(NEEDS, 'the core behind nginx', () => {
  const product = useFrontedCore()

  test('gives a blob with the same headers by GET from disk, by HEAD and by range', async () => {
    const { bytes, descriptor } = randomLayer(3_000_000)
    await product.client.pushBlob('team/app', { bytes, descriptor })
    const target = `/v2/team/app/blobs/${descriptor.digest}`
    const whole = await product.client.get(target)
    const head = await product.client.head(target)
    const part = await product.client.get(target, { range: 'bytes=5-9' })
    const several = await product.client.get(target, { range: 'bytes=0-1,5-9' })
    expect([whole.status, head.status, part.status, several.status]).toEqual([200, 200, 206, 206])
    expect(whole.body.equals(bytes)).toBe(true)
    expect(head.header('content-length')).toBe('3000000')
    expect(part.body.equals(bytes.subarray(5, 10))).toBe(true)
    expect(several.header('content-type')).toBe('application/octet-stream')
    expect(ofABlob(whole)).toMatchObject({
      'docker-content-digest': descriptor.digest,
      etag: `"${descriptor.digest}"`,
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining('sandbox'),
      'x-entrepot-origin': 'local',
    })
    for (const answer of [head, part, several]) expect(ofABlob(answer)).toEqual(ofABlob(whole))
    const current = await product.client.get(target, { 'if-none-match': `"${descriptor.digest}"` })
    expect([current.status, current.body.length]).toEqual([304, 0])
  })

  test('goes on with a download when the core is killed in its middle', async () => {
    const { bytes, descriptor } = randomLayer(64 * MIB)
    await product.client.pushBlob('team/app', { bytes, descriptor })
    const socket = await connectTo({ port: product.nginx.httpPort })
    const request = [`GET /v2/team/app/blobs/${descriptor.digest} HTTP/1.1`, 'Host: a', 'Connection: close']
    socket.write(lines(...request))
    await once(socket, 'readable') // it has begun, and nobody reads on
    product.core.process.signal('SIGSTOP')
    const answer = await readToEnd(socket)
    product.core.process.signal('SIGCONT')
    expect(digestOf(answer.body)).toBe(descriptor.digest)
  })

  describe('tells a client that it refuses, however much that is still sending,', () => {
    const body = Buffer.alloc(8 * MIB)
    const target = '/v2/team/app/blobs/uploads/none'
    const head = [`PATCH ${target} HTTP/1.1`, 'Host: a']

    async function statusOf(...parts: readonly (string | Buffer)[]): Promise<number> {
      const socket = await connectTo({ port: product.nginx.httpPort })
      const request = Buffer.concat(parts.map((part) => Buffer.from(part)))
      const { answers } = await sendRaw(socket, request, { answers: 1 })
      return answers[0]?.status ?? 0
    }

    const ways: Readonly<Record<string, () => Promise<number>>> = {
      'a body of known length': () => statusOf(lines(...head, `Content-Length: ${body.length}`), body),
      'a body in chunks': () =>
        statusOf(
          lines(...head, 'Transfer-Encoding: chunked'),
          `${body.length.toString(16)}\r\n`,
          body,
          '\r\n0\r\n\r\n',
        ),
      'a body over HTTP/2': async () => {
        const headers = { ':method': 'PATCH', ':path': target }
        return Number((await http2Request(product.nginx, headers, pieces(body, MIB))).headers[':status'])
      },
    }

    test.each(Object.entries(ways))('%s', async (_, send) => {
      const statuses: number[] = []
      for (let times = 0; times < 25; times++) statuses.push(await send())
      expect(statuses).toEqual(Array.from({ length: 25 }, () => 404))
    })
  })

  test('takes a push and gives it back over HTTP/2', async () => {
    const { bytes, descriptor } = randomLayer(20 * MIB)
    const path = '/v2/team/h2/blobs/uploads/'
    const session = await http2Request(product.nginx, {
      ':method': 'POST',
      ':path': path,
      'content-length': 0,
    })
    expect(session.headers[':status']).toBe(202)
    const location = String(session.headers.location)
    const sent = await http2Request(
      product.nginx,
      { ':method': 'PATCH', ':path': location },
      pieces(bytes, MIB),
    )
    expect(sent.headers[':status']).toBe(202)
    const next = String(sent.headers.location)
    const closing = `${next}${next.includes('?') ? '&' : '?'}digest=${descriptor.digest}`
    const done = await http2Request(product.nginx, {
      ':method': 'PUT',
      ':path': closing,
      'content-length': 0,
    })
    expect(done.headers[':status']).toBe(201)
    const pulled = await http2Request(product.nginx, { ':path': `/v2/team/h2/blobs/${descriptor.digest}` })
    expect(pulled.body.equals(bytes)).toBe(true)
  })

  test('loses no push and no pull while nginx is reloaded', async () => {
    // Each request has its own connection: before 1.27.4 nginx closes kept ones under a request that is on its way.
    const fresh = new RegistryClient(product.client.baseUrl, { headers: { connection: 'close' } })
    let reloading = true
    let pushed = 0
    async function client(): Promise<void> {
      while (reloading) {
        const { bytes, descriptor } = randomLayer(2 * MIB)
        await fresh.pushBlob('team/reload', { bytes, descriptor })
        const pulled = await fresh.get(`/v2/team/reload/blobs/${descriptor.digest}`)
        expect(pulled.body.equals(bytes)).toBe(true)
        pushed += 1
      }
    }
    const clients = [client(), client(), client()]
    // On a busy machine four reloads are over before so many pushes are.
    for (let times = 0; times < 4 || pushed <= 3; times++) await product.nginx.reload()
    reloading = false
    await Promise.all(clients)
    await fresh.close()
    expect(pushed).toBeGreaterThan(3)
  })

  test('has one id for a request, nginx’s own, in both logs and in the answer', async () => {
    const answer = await product.client.get('/v2/', { 'x-request-id': 'of-the-client-0123456789' })
    const id = answer.header('x-request-id') ?? 'none'
    expect([answer.status, id]).toEqual([200, expect.stringMatching(/^[0-9a-f]{32}$/)])
    await eventually('nginx has logged it', () =>
      product.nginx.accessLog().some(({ request_id: logged }) => logged === id),
    )
    await eventually('the core has logged it', () => product.core.process.log().includes(id))
    expect(product.core.process.log()).not.toContain('of-the-client')
  })
})

describeNeeding(NEEDS, 'the core behind an nginx with virtual hosts', () => {
  const product = useFrontedCore({
    virtualHosts: [
      { names: ['mirror.example'], view: 'mirror' },
      { names: ['quay.io'], view: { upstream: 'quay.io' } },
    ],
  })

  test('lets a mirror pull what was pushed, and takes no push there', async () => {
    const { bytes, descriptor } = randomLayer(300_000)
    await product.client.pushBlob('team/app', { bytes, descriptor })
    const host = 'mirror.example'
    const pulled = await product.client.get(`/v2/team/app/blobs/${descriptor.digest}`, { host })
    expect([pulled.status, pulled.body.equals(bytes)]).toEqual([200, true])
    const push = { method: 'POST', target: '/v2/team/app/blobs/uploads/', headers: { host } } as const
    expect((await product.client.send(push)).status).toBe(405)
  })

  test('refuses the names of an upstream that it does not mirror', async () => {
    const answer = await product.client.get('/v2/org/image/manifests/latest', { host: 'quay.io' })
    expect(answer.status).toBe(400)
    expect(answer.body.toString()).toContain('X-Entrepot-Upstream')
  })
})

describeNeeding(NEEDS, 'the core behind an nginx that can open no blob', () => {
  const product = useFrontedCore({ blind: true })

  test('gives every blob itself, whole and in part', async () => {
    const { bytes, descriptor } = randomLayer(3_000_000)
    await product.client.pushBlob('team/app', { bytes, descriptor })
    const target = `/v2/team/app/blobs/${descriptor.digest}`
    const whole = await product.client.get(target)
    expect(whole.status).toBe(200)
    expect(whole.body.equals(bytes)).toBe(true)
    const head = await product.client.head(target)
    expect(ofABlob(whole)).toEqual(ofABlob(head))
    const part = await product.client.get(target, { range: 'bytes=2999990-' })
    expect([part.status, part.header('content-range')]).toEqual([206, 'bytes 2999990-2999999/3000000'])
    expect(part.body.equals(bytes.subarray(-10))).toBe(true)
    expect(product.nginx.errorLog()).toContain('No such file or directory')
  })
})
