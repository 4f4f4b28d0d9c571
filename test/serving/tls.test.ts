import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'

import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'

import type { TlsSettings } from '#core/config/settings.js'
import { openCertificates } from '#core/http/tls/renewal.js'
import { startEdge, type TestEdge } from '#core-test/http/edge.js'
import { type Certificates, makeCertificates, signCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { randomLayer } from '../support/images.js'
import { describeNeeding } from '../support/needs.js'
import { lines, sendRaw } from '../support/raw-http.js'

describeNeeding([{ program: 'openssl', debianPackage: 'openssl' }], 'TLS of the core itself', () => {
  let folder = ''
  let made: Certificates
  let edge: TestEdge

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'e-'))
    made = await makeCertificates(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  afterEach(() => edge.close())

  async function serve(more: Partial<TlsSettings> = {}, limits: { handshakeMs?: number } = {}) {
    const { certificate, key } = made
    const files = { certificate, key, clientCas: [], cipherSuites: undefined }
    const certificates = openCertificates(
      { ...files, minimumVersion: 'TLSv1.2', ...more },
      { now: () => new Date() },
    )
    edge = await startEdge({ certificates, ...limits })
    return certificates
  }

  /** A connection whose handshake is over on this side; with TLS 1.3 the server may still refuse. */
  async function handshake(more: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
    const where = { host: '127.0.0.1', port: edge.port, servername: 'localhost' }
    const socket = tls.connect({ ...where, ca: readFileSync(made.caFile), ...more })
    socket.on('error', () => undefined) // said again to whoever waits
    await once(socket, 'secureConnect')
    return socket
  }

  async function ask(socket: Socket, target = '/v2/'): Promise<number | undefined> {
    const { answers } = await sendRaw(socket, lines(`GET ${target} HTTP/1.1`, 'Host: localhost'), {
      answers: 1,
    })
    return answers[0]?.status
  }

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
    await serve()
    const socket = await handshake({ minVersion: version, maxVersion: version })
    expect([socket.getProtocol(), socket.authorized]).toEqual([version, true])
    expect(await ask(socket)).toBe(200)
  })

  test.each(['TLSv1', 'TLSv1.1'] as const)('%s is not, even where minimumtls allows it', async (version) => {
    await serve({ minimumVersion: 'TLSv1' })
    const old = { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' }
    await expect(handshake(old)).rejects.toMatchObject({ code: expect.stringMatching(/PROTOCOL_VERSION/) })
  })

  test('minimumtls 1.3 keeps out who speaks 1.2', async () => {
    await serve({ minimumVersion: 'TLSv1.3' })
    await expect(handshake({ maxVersion: 'TLSv1.2' })).rejects.toMatchObject({
      code: expect.stringMatching(/PROTOCOL_VERSION/),
    })
    expect(await ask(await handshake())).toBe(200)
  })

  test('ciphersuites choose among those of TLS 1.2, and leave those of TLS 1.3 alone', async () => {
    await serve({ cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] })
    const chosen = await handshake({ maxVersion: 'TLSv1.2' })
    expect(chosen.getCipher().name).toBe('ECDHE-ECDSA-AES256-GCM-SHA384')
    chosen.destroy()
    await expect(
      handshake({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/HANDSHAKE_FAILURE/) })
    const modern = await handshake({ ciphers: 'TLS_AES_128_GCM_SHA256', minVersion: 'TLSv1.3' })
    expect(await ask(modern)).toBe(200)
  })

  test('a client that speaks plain HTTP reads what is wrong, in the words of registry:2', async () => {
    await serve()
    const { answers, closed } = await sendRaw(
      await edge.connect(),
      lines('POST /v2/a/blobs/uploads/ HTTP/1.1', 'Host: localhost', 'Content-Length: 5') + 'hello',
      { methods: ['POST'] },
    )
    expect(answers[0]?.status).toBe(400)
    expect(answers[0]?.body.toString()).toContain('Client sent an HTTP request to an HTTPS server.')
    expect(closed).toBe(true)
    expect(edge.refusals).toEqual([expect.objectContaining({ status: 400, why: 'plain HTTP' })])
  })

  test('what is no request is answered through TLS, and the connection closed', async () => {
    await serve()
    const { answers, closed } = await sendRaw(await handshake(), 'GET /v2/ HTTP/1.1\r\nno colon\r\n\r\n')
    expect([answers[0]?.status, closed]).toEqual([400, true])
    expect(answers[0]?.body.toString()).toContain('"errors"')
  })

  test.each([
    ['says nothing', (socket: Socket) => socket],
    ['sends one byte of a handshake', (socket: Socket) => (socket.write(Buffer.from([22])), socket)],
    [
      'stops within its first message',
      (socket: Socket) => (socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1])), socket),
    ],
  ])('a client that %s is cut when the time for handshakes is over', async (_what, begin) => {
    await serve({}, { handshakeMs: 200 })
    const socket = begin(connect(edge.port, '127.0.0.1'))
    socket.on('error', () => undefined)
    socket.resume()
    await once(socket, 'close')
    expect(await ask(await handshake())).toBe(200)
  })

  test('a drain does not wait for those who are not through with their handshake', async () => {
    await serve()
    const silent = await edge.connect()
    const halfway = await edge.connect()
    for (const socket of [silent, halfway]) socket.on('error', () => undefined).resume()
    halfway.write(Buffer.from([22, 3, 1]))
    const ended = Promise.all([once(silent, 'close'), once(halfway, 'close')])
    const idle = await handshake()
    idle.resume()
    const left = once(idle, 'close')
    expect(await ask(await handshake())).toBe(200)
    await edge.edge.stop(60_000)
    await Promise.all([ended, left])
  })

  test('a request that runs is ended by the drain, not cut, and told to leave', async () => {
    await serve()
    const socket = await handshake()
    const body = randomLayer(1000)
    const head = lines(
      `POST /v2/a/blobs/uploads/?digest=${body.descriptor.digest} HTTP/1.1`,
      'Host: localhost',
      'Content-Length: 1000',
    )
    socket.write(head)
    await eventually('the request runs', () => Promise.resolve(edge.load.requests === 1))
    const stopped = edge.edge.stop(60_000)
    const { answers, closed } = await sendRaw(socket, body.bytes, { methods: ['POST'] })
    expect([answers[0]?.status, answers[0]?.header('connection'), closed]).toEqual([201, 'close', true])
    await stopped
  })

  test('with authorities for clients only theirs get in, and nobody without a certificate', async () => {
    await serve({ clientCas: [made.caFile] })
    const client = await signCertificate(folder, 'client', made)
    const [cert, key] = [readFileSync(client.certificate), readFileSync(client.key)]
    expect(await ask(await handshake({ cert, key }))).toBe(200)

    const old = { maxVersion: 'TLSv1.2' } as const
    await expect(handshake(old)).rejects.toMatchObject({ code: expect.stringMatching(/ALERT|ECONNRESET/) })
    expect(await ask(await handshake())).toBeUndefined()

    const elsewhere = mkdtempSync(path.join(folder, 'e-'))
    const stranger = await signCertificate(elsewhere, 'stranger', await makeCertificates(elsewhere))
    const strange = { cert: readFileSync(stranger.certificate), key: readFileSync(stranger.key) }
    expect(await ask(await handshake(strange))).toBeUndefined()
    expect(await ask(await handshake({ cert, key }))).toBe(200)
    expect(edge.outcomes.map(({ status }) => status)).toEqual([200, 200])
  })

  test('a session of a client that was let in opens nothing after its authority was taken out', async () => {
    const live = path.join(folder, 'clients.pem')
    const { copyFileSync } = await import('node:fs')
    copyFileSync(made.caFile, live)
    const certificates = await serve({ clientCas: [live] })
    const client = await signCertificate(folder, 'resumed', made)
    const mine = { cert: readFileSync(client.certificate), key: readFileSync(client.key) }
    const first = await handshake(mine)
    const sessionCame = once(first, 'session')
    expect(await ask(first)).toBe(200)
    const [session] = (await sessionCame) as [Buffer]
    const elsewhere = mkdtempSync(path.join(folder, 'e-'))
    copyFileSync((await makeCertificates(elsewhere)).caFile, live)
    expect(certificates.renew()).toMatch(/was renewed/)
    expect(await ask(await handshake({ ...mine, session }))).toBeUndefined()
  })

  test('a renewed certificate is served from the next handshake on, and cuts nobody', async () => {
    const live = { certificate: path.join(folder, 'live.pem'), key: path.join(folder, 'live.key') }
    const { copyFileSync } = await import('node:fs')
    copyFileSync(made.certificate, live.certificate)
    copyFileSync(made.key, live.key)
    const certificates = await serve(live)
    const before = await handshake()
    const next = await signCertificate(folder, 'next', made, ['DNS:localhost'])
    copyFileSync(next.certificate, live.certificate)
    copyFileSync(next.key, live.key)
    expect(certificates.renew()).toMatch(/was renewed/)
    const after = await handshake()
    expect(after.getPeerCertificate().subject.CN).toBe('next')
    expect([await ask(before), await ask(after)]).toEqual([200, 200])
  })

  test('a large blob goes through both ways, and in parts', async () => {
    await serve()
    const layer = randomLayer(2 * 1024 * 1024 + 5)
    const pushed = await sendRaw(
      await handshake(),
      Buffer.concat([
        Buffer.from(
          lines(
            `POST /v2/a/blobs/uploads/?digest=${layer.descriptor.digest} HTTP/1.1`,
            'Host: localhost',
            `Content-Length: ${layer.bytes.length}`,
          ),
        ),
        layer.bytes,
      ]),
      { methods: ['POST'], answers: 1 },
    )
    expect(pushed.answers[0]?.status).toBe(201)
    const get = (...more: readonly string[]) =>
      lines(
        `GET /v2/a/blobs/${layer.descriptor.digest} HTTP/1.1`,
        'Host: localhost',
        'Connection: close',
        ...more,
      )
    const whole = await sendRaw(await handshake(), get())
    expect(whole.answers[0]?.body.equals(layer.bytes)).toBe(true)
    const part = await sendRaw(await handshake(), get('Range: bytes=1000000-'))
    expect(part.answers[0]?.status).toBe(206)
    expect(part.answers[0]?.body.equals(layer.bytes.subarray(1_000_000))).toBe(true)
    expect(edge.outcomes.map(({ status }) => status)).toEqual([201, 200, 206])
  })
})
