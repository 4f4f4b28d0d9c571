import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { expect, test } from '@jest/globals'

import { randomLayer } from '../support/images.js'
import { connectTo } from '../support/processes.js'
import { lines, sendRaw } from '../support/raw-http.js'
import { http2Request } from './http2-request.js'
import { describeFront, errorOf } from './suite.js'

describeFront('TLS', {}, (front) => {
  function options(more: tls.ConnectionOptions = {}): tls.ConnectionOptions {
    const { tlsPort, caFile } = front.nginx
    if (tlsPort === undefined || caFile === undefined) throw new Error('this nginx has no TLS listener')
    return { host: '127.0.0.1', port: tlsPort, servername: 'localhost', ca: readFileSync(caFile), ...more }
  }

  async function handshake(more: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
    const socket = tls.connect(options(more))
    await once(socket, 'secureConnect')
    return socket
  }

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s is spoken, with a certificate that the authority signed',
    async (version) => {
      const socket = await handshake({ minVersion: version, maxVersion: version })
      expect(socket.getProtocol()).toBe(version)
      expect(socket.authorized).toBe(true)
      socket.destroy()
    },
  )

  test.each(['TLSv1', 'TLSv1.1'] as const)('%s is refused', async (version) => {
    // The level 0 lets the client offer it at all.
    const old = { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' }
    await expect(handshake(old)).rejects.toMatchObject({
      code: expect.stringMatching(/PROTOCOL_VERSION|ECONNRESET/),
    })
  })

  test.each(['AES128-SHA', 'AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-SHA'])(
    'the cipher %s is refused',
    async (ciphers) => {
      await expect(handshake({ ciphers, maxVersion: 'TLSv1.2' })).rejects.toMatchObject({
        code: expect.stringMatching(/HANDSHAKE_FAILURE|ECONNRESET/),
      })
    },
  )

  test('HTTP/2 is offered, and HTTP/1.1 to those who want it', async () => {
    const modern = await handshake({ ALPNProtocols: ['h2', 'http/1.1'] })
    expect(modern.alpnProtocol).toBe('h2')
    modern.destroy()
    const plain = await handshake({ ALPNProtocols: ['http/1.1'] })
    const { answers } = await sendRaw(plain, lines('GET /v2/ HTTP/1.1', 'Host: localhost'), { answers: 1 })
    expect(answers[0]?.status).toBe(200)
  })

  test('a session is resumed, without tickets', async () => {
    const version = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
    const first = await handshake(version)
    const session = first.getSession()
    expect(first.getTLSTicket()).toBeUndefined()
    first.destroy()
    const second = await handshake({ ...version, session })
    expect(second.isSessionReused()).toBe(true)
    second.destroy()
  })

  test('a blob comes whole from disk over HTTP/2, and its range too', async () => {
    const { bytes } = randomLayer(3_000_000)
    const digest = front.core.put(bytes)
    const whole = await http2Request(front.nginx, { ':path': `/v2/a/blobs/${digest}` })
    expect(whole.headers).toMatchObject({
      ':status': 200,
      'docker-content-digest': digest,
      'content-length': '3000000',
    })
    expect(whole.body.equals(bytes)).toBe(true)
    const part = await http2Request(front.nginx, {
      ':path': `/v2/a/blobs/${digest}`,
      range: 'bytes=1000000-',
    })
    expect(part.headers).toMatchObject({ ':status': 206, 'content-range': 'bytes 1000000-2999999/3000000' })
    expect(part.body.equals(bytes.subarray(1_000_000))).toBe(true)
  })

  test('the grammar of the target holds over HTTP/2', async () => {
    const before = front.core.seen.length
    for (const target of [
      '/v2/a%2Fb/tags/list',
      '/v2/../_blobs/x',
      '//v2/',
      '/v2/a;x/tags/list',
      '/v2/a#b',
      '/v2/a\\b',
    ]) {
      const answer = await http2Request(front.nginx, { ':path': target })
      expect(answer.headers[':status']).toBe(400)
      expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
    }
    expect(front.core.seen).toHaveLength(before)
  })

  test('plain HTTP on its port is told to use https', async () => {
    const socket = await connectTo({ port: front.nginx.tlsPort ?? 0 })
    const { answers } = await sendRaw(socket, lines('GET /v2/ HTTP/1.1', 'Host: localhost'), { answers: 1 })
    const [answer] = answers
    if (answer === undefined) throw new Error('no answer')
    expect(answer.status).toBe(400)
    expect(errorOf(answer).message).toContain('https://')
  })
})
