import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { expect, test } from '@jest/globals'

import { connectTo } from '../support/processes.js'
import { lines, sendRaw } from '../support/raw-http.js'
import { http2Request } from './http2-request.js'
import type { SeenRequest } from './scripted-core.js'
import { describeFront, errorOf } from './suite.js'

const VIEWS = {
  views: ['mirror', { upstream: 'quay.io' }, { upstream: 'registry.example:5000' }],
  virtualHosts: [
    { names: ['quay.io'], view: { upstream: 'quay.io' } },
    { names: ['docker.io', 'registry-1.docker.io'], view: { upstream: 'docker.io' } },
    { names: ['mirror.example'], view: 'mirror' },
  ],
} as const

const REGISTRY = { view: ['registry'], upstream: [] }
const MIRROR = { view: ['mirror'], upstream: [] }
const QUAY = { view: ['upstream'], upstream: ['quay.io'] }
const DOCKER = { view: ['upstream'], upstream: ['docker.io'] }

const NOTHING = { rawHeaders: [] }

/** What a client might say to get another view than its own. */
const FORGED = [
  ['X-Entrepot-View: mirror'],
  ['X-Entrepot-View: upstream', 'X-Entrepot-Upstream: quay.io'],
  ['X-Entrepot-View: upstream', 'X-Entrepot-Upstream: forged.test'],
  ['x-entrepot-view: registry', 'X-ENTREPOT-VIEW: header', 'X-Entrepot-Upstream:'],
  ['X_Entrepot_View: mirror', 'X_Entrepot_Upstream: quay.io'],
  ['Connection: close, X-Entrepot-View, X-Entrepot-Upstream'],
  ['X-Forwarded-Host: quay.io', 'Forwarded: host=quay.io', 'X-Original-Host: quay.io', 'X-Host: quay.io'],
]

describeFront('the view of a request', VIEWS, (front) => {
  function port(at: number): number {
    const found = front.nginx.viewPorts[at]
    if (found === undefined) throw new Error(`no listener ${at} with a view`)
    return found
  }

  /** What the core was told, last unless said otherwise: every value of both headers. */
  function told({ rawHeaders }: Pick<SeenRequest, 'rawHeaders'> = front.core.seen.at(-1) ?? NOTHING) {
    const values = (name: string): readonly string[] =>
      rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
    return { view: values('x-entrepot-view'), upstream: values('x-entrepot-upstream') }
  }

  async function ask(socket: Socket, host: string, ...headers: readonly string[]) {
    const before = front.core.seen.length
    const request = lines('GET /v2/ HTTP/1.1', `Host: ${host}`, 'Connection: close', ...headers)
    const { answers } = await sendRaw(socket, request, { answers: 1 })
    expect([answers[0]?.status, front.core.seen.length]).toEqual([200, before + 1])
    return told()
  }

  const plain = (at = front.nginx.httpPort): Promise<Socket> => connectTo({ port: at })

  test('is that of its listener', async () => {
    const views = []
    for (const at of [front.nginx.httpPort, port(0), port(1), port(2)])
      views.push(await ask(await plain(at), 'any.example'))
    const other = { view: ['upstream'], upstream: ['registry.example_5000'] }
    expect(views).toEqual([REGISTRY, MIRROR, QUAY, other])
  })

  test.each([
    ['quay.io', QUAY],
    ['QUAY.io', QUAY],
    ['quay.io:5000', QUAY],
    ['quay.io.', QUAY],
    ['docker.io', DOCKER],
    ['registry-1.docker.io', DOCKER],
    ['mirror.example', MIRROR],
    ['index.docker.io', REGISTRY],
    ['www.quay.io', REGISTRY],
    ['quay.io.evil.test', REGISTRY],
    ['evil-quay.io', REGISTRY],
    ['quay', REGISTRY],
    ['localhost', REGISTRY],
    ['127.0.0.1', REGISTRY],
    ['[::1]:5000', REGISTRY],
    ['_', REGISTRY],
  ])('is chosen by the Host %j where it is a virtual host, else the listener’s', async (host, view) => {
    expect(await ask(await plain(), host)).toEqual(view)
  })

  test('is the listener’s where no Host is sent', async () => {
    await sendRaw(await plain(), lines('GET /v2/ HTTP/1.0'), { answers: 1 })
    expect(told()).toEqual(REGISTRY)
  })

  test('is that of a listener of one view, whatever Host names', async () => {
    expect(await ask(await plain(port(0)), 'quay.io')).toEqual(MIRROR)
    expect(await ask(await plain(port(1)), 'docker.io')).toEqual(QUAY)
  })

  test.each(FORGED.map((sent) => [sent.join(', '), sent] as const))(
    'is changed by no client that sends %s',
    async (_, sent) => {
      expect(await ask(await plain(), 'any.example', ...sent)).toEqual(REGISTRY)
      expect(await ask(await plain(), 'docker.io', ...sent)).toEqual(DOCKER)
      expect(await ask(await plain(port(0)), 'any.example', ...sent)).toEqual(MIRROR)
      expect(await ask(await plain(port(1)), 'any.example', ...sent)).toEqual(QUAY)
    },
  )

  test('is chosen by :authority over HTTP/2, and changed by no header', async () => {
    const forged = { 'x-entrepot-view': 'mirror', 'x-entrepot-upstream': 'forged.test' }
    for (const [authority, view] of [
      ['docker.io', DOCKER],
      ['any.example', REGISTRY],
    ] as const) {
      const answer = await http2Request(front.nginx, { ':path': '/v2/', ':authority': authority, ...forged })
      expect([answer.headers[':status'], told()]).toEqual([200, view])
    }
  })

  test('is not the one of a second host beside :authority', async () => {
    const before = front.core.seen.length
    const headers = { ':path': '/v2/', ':authority': 'any.example', host: 'quay.io' }
    await http2Request(front.nginx, headers) // newer ones refuse it, older ones go by :authority
    const seen = front.core.seen.slice(before).map(told)
    expect(seen.filter(({ view }) => view.join() !== 'registry')).toEqual([])
  })

  test('is chosen by Host and not by the name in the TLS handshake', async () => {
    const { tlsPort = 0, caFile = '' } = front.nginx
    for (const [servername, host, view] of [
      ['quay.io', 'any.example', REGISTRY],
      ['localhost', 'quay.io', QUAY],
      ['docker.io', 'quay.io', QUAY],
    ] as const) {
      const ca = readFileSync(caFile)
      // The certificate is one for localhost: a client that stands for quay.io has one with both names.
      const checkServerIdentity = (): undefined => undefined
      const socket = tls.connect({ host: '127.0.0.1', port: tlsPort, servername, ca, checkServerIdentity })
      await once(socket, 'secureConnect')
      expect(await ask(socket, host)).toEqual(view)
    }
  })

  test('is not chosen by a target with a host of its own: that is refused', async () => {
    const before = front.core.seen.length
    for (const target of ['http://quay.io/v2/', 'https://mirror.example/v2/']) {
      const answer = await front.ask(target)
      expect([answer.status, errorOf(answer).code]).toEqual([400, 'NAME_INVALID'])
    }
    expect(front.core.seen).toHaveLength(before)
  })

  test('is the same when the core is asked to send a blob itself', async () => {
    const digest = front.core.put(Buffer.from('rescued'))
    for (const [host, view] of [
      ['docker.io', DOCKER],
      ['mirror.example', MIRROR],
    ] as const) {
      front.core.next((_, response) => {
        response.writeHead(200, { 'x-accel-redirect': '/_blobs/sha256/00/0000/data' }).end()
      })
      const request = [`GET /v2/a/blobs/${digest} HTTP/1.1`, `Host: ${host}`, 'X-Entrepot-View: registry']
      const { answers } = await sendRaw(await plain(), lines(...request), { answers: 1 })
      expect(answers[0]?.body.toString()).toBe('rescued')
      expect(front.core.seen.at(-1)?.headers['x-entrepot-no-accel']).toBe('1')
      expect(told()).toEqual(view)
    }
  })

  test('names its Host to the core as the client wrote it', async () => {
    await ask(await plain(), 'quay.io:5000')
    expect(front.core.seen.at(-1)?.headers.host).toBe('quay.io:5000')
  })
})
