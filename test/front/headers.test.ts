import { expect, test } from '@jest/globals'

import { http2Request } from './http2-request.js'
import type { SeenRequest } from './scripted-core.js'
import { describeFront } from './suite.js'

const FORGED: Readonly<Record<string, string>> = {
  'X-Accel-Redirect': '/_blobs/sha256/aa/forged/data',
  'X-Accel-Buffering': 'yes',
  'X-Accel-Limit-Rate': '1',
  'X-Accel-Expires': 'forged',
  'X-Accel-Charset': 'forged',
  'X-Entrepot-View': 'mirror',
  'X-Entrepot-Upstream': 'forged.test',
  'X-Entrepot-No-Accel': '1',
  'X-Real-IP': '6.6.6.6',
  'X-Forwarded-For': '6.6.6.6, 7.7.7.7',
  'X-Forwarded-Proto': 'forged',
  'X-Forwarded-Host': 'forged.test',
  'X-Forwarded-Port': '666',
  'X-Request-Id': 'forged',
  Forwarded: 'for=6.6.6.6;proto=https',
}

/** What the core got of the forged names: each name with all its values. */
function received({ rawHeaders }: SeenRequest): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {}
  for (const name of Object.keys(FORGED)) {
    const values = rawHeaders.filter(
      (_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name.toLowerCase(),
    )
    if (values.length > 0) found[name] = values
  }
  return found
}

function expected(scheme: string) {
  return {
    'X-Entrepot-View': ['registry'],
    'X-Real-IP': ['127.0.0.1'],
    'X-Forwarded-For': ['127.0.0.1'],
    'X-Forwarded-Proto': [scheme],
    'X-Request-Id': [expect.stringMatching(/^[0-9a-f]{32}$/)],
  }
}

describeFront('a header that is nginx’s to set', {}, (front) => {
  const forgedLines = Object.entries(FORGED).map(([name, value]) => `${name}: ${value}`)

  function last(): SeenRequest {
    const seen = front.core.seen.at(-1)
    if (seen === undefined) throw new Error('the core saw nothing')
    return seen
  }

  test('reaches the core once, with nginx’s value, whatever a client sends', async () => {
    await front.ask('/v2/', ...forgedLines, ...forgedLines)
    expect(received(last())).toEqual(expected('http'))
  })

  test('is set over HTTP/2 and TLS too', async () => {
    const names = Object.entries(FORGED).map(([name, value]) => [name.toLowerCase(), value])
    await http2Request(front.nginx, { ':path': '/v2/', ...Object.fromEntries(names) })
    expect(received(last())).toEqual(expected('https'))
  })

  test('cannot be forged under a name with underscores', async () => {
    await front.ask('/v2/', 'X_Entrepot_View: mirror', 'X_Forwarded_For: 6.6.6.6', 'Content_Length: 5')
    expect(last().rawHeaders.filter((name) => name.includes('_'))).toEqual([])
  })

  test('does not make nginx send a file, when a client forges it', async () => {
    const digest = front.core.put(Buffer.from('secret'))
    const answer = await front.ask(
      '/v2/',
      `X-Accel-Redirect: /_blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`,
    )
    expect(answer.body.toString()).toBe('{}')
  })

  test('is set again when the core is asked to send a blob itself', async () => {
    const digest = front.core.put(Buffer.from('rescued'))
    front.core.next((_, response) => {
      response.writeHead(200, { 'x-accel-redirect': '/_blobs/sha256/00/0000/data' }).end()
    })
    const answer = await front.ask(`/v2/a/blobs/${digest}`, ...forgedLines)
    expect(answer.body.toString()).toBe('rescued')
    expect(received(last())).toEqual({ ...expected('http'), 'X-Entrepot-No-Accel': ['1'] })
  })

  test('leaves Authorization, Range and Accept as the client wrote them', async () => {
    const own = ['Authorization: Basic YTpi', 'Range: bytes=1-2', 'Accept: a/b', 'Accept: c/d']
    await front.ask('/v2/', ...own)
    expect(last().headers).toMatchObject({
      authorization: 'Basic YTpi',
      range: 'bytes=1-2',
      accept: 'a/b, c/d',
    })
  })

  test('names the client’s host, which chooses nothing', async () => {
    await front.send('GET /v2/ HTTP/1.1\r\nHost: quay.io:5000\r\nConnection: close\r\n\r\n')
    expect(last().headers).toMatchObject({ host: 'quay.io:5000', 'x-entrepot-view': 'registry' })
  })

  test('keeps the connection to the core open, whatever the client says about its own', async () => {
    await front.ask('/v2/', 'Connection: close, X-Entrepot-View', 'Upgrade: websocket')
    expect(last().headers['x-entrepot-view']).toBe('registry')
    expect(last().headers.connection).not.toBe('close')
    expect(last().headers.upgrade).toBeUndefined()
  })
})

describeFront('the access log', { tls: false }, (front) => {
  test('is one JSON object a line, with the request id of the core and never the credentials', async () => {
    await front.ask('/v2/a/tags/list?last="\\"', 'Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==')
    await front.ask('/v2/a/tags/list', 'Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==', 'User-Agent: a"b\\c')
    const requestId = front.core.seen.at(-1)?.headers['x-request-id']
    const entries = front.nginx.accessLog()
    expect(entries.map(({ status }) => status)).toEqual([400, 200])
    expect(entries.at(-1)).toMatchObject({ request_id: requestId, method: 'GET', target: '/v2/a/tags/list' })
    expect(JSON.stringify(entries) + front.nginx.errorLog()).not.toMatch(/Y2FuYXJ5|canary/)
  })

  test('names the account that the core has verified, which no client is told', async () => {
    front.core.next((_, response) => {
      response.writeHead(200, { 'x-entrepot-account': 'ci-web' }).end()
    })
    const answer = await front.ask('/v2/')
    expect(answer.header('x-entrepot-account')).toBeUndefined()
    expect(front.nginx.accessLog().at(-1)).toMatchObject({ account: 'ci-web' })
    await front.ask('/v2/', 'X-Entrepot-Account: forged')
    expect(front.nginx.accessLog().at(-1)).toMatchObject({ account: '' })
  })

  test('names it for a blob that nginx sends itself', async () => {
    const digest = front.core.put(Buffer.from('sent'))
    front.core.next((_, response) => {
      const hex = digest.slice('sha256:'.length)
      const headers = { 'x-accel-redirect': `/_blobs/sha256/${hex.slice(0, 2)}/${hex}/data` }
      response.writeHead(200, { ...headers, 'x-entrepot-account': 'ci-web' }).end()
    })
    const answer = await front.ask(`/v2/a/blobs/${digest}`)
    expect(answer.body.toString()).toBe('sent')
    expect(answer.header('x-entrepot-account')).toBeUndefined()
    expect(front.nginx.accessLog().at(-1)).toMatchObject({ account: 'ci-web' })
  })
})
