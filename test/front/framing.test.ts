import { expect, test } from '@jest/globals'

import { lines } from '../support/raw-http.js'
import { describeFront, errorOf } from './suite.js'

const PUT = 'PUT /v2/a/blobs/uploads/1 HTTP/1.1'

describeFront('a request whose end or host can be read in two ways', { tls: false }, (front) => {
  test.each([
    ['a length beside chunks', [PUT, 'Host: a', 'Content-Length: 3', 'Transfer-Encoding: chunked']],
    ['two lengths', [PUT, 'Host: a', 'Content-Length: 3', 'Content-Length: 4']],
    ['two equal lengths', [PUT, 'Host: a', 'Content-Length: 3', 'Content-Length: 3']],
    ['a list of lengths', [PUT, 'Host: a', 'Content-Length: 3, 3']],
    ['a length of two numbers', [PUT, 'Host: a', 'Content-Length: 1 2']],
    ['a negative length', [PUT, 'Host: a', 'Content-Length: -1']],
    ['two transfer encodings', [PUT, 'Host: a', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
    ['two hosts', ['GET /v2/ HTTP/1.1', 'Host: a', 'Host: b']],
    ['no host', ['GET /v2/ HTTP/1.1']],
    ['a space before the colon', ['GET /v2/ HTTP/1.1', 'Host: a', 'X-Entrepot-View : mirror']],
    ['a header that begins with a space', ['GET /v2/ HTTP/1.1', 'Host: a', ' Content-Length: 3']],
    ['a carriage return alone in the head', ['GET /v2/ HTTP/1.1', 'Host: a\r\n\rX: b']],
    ['a host with a slash', ['GET /v2/ HTTP/1.1', 'Host: a/b']],
  ])('%s is 400', async (_, head) => {
    const before = front.core.seen.length
    const answer = await front.send(lines(...head))
    expect(answer.status).toBe(400)
    expect(errorOf(answer).code).toBe('NAME_INVALID')
    expect(front.core.seen).toHaveLength(before)
  })

  test('a transfer encoding that nobody knows is 501', async () => {
    const before = front.core.seen.length
    const answer = await front.send(lines(PUT, 'Host: a', 'Transfer-Encoding: xchunked'))
    expect(answer.status).toBe(501)
    expect(errorOf(answer).code).toBe('UNSUPPORTED')
    expect(front.core.seen).toHaveLength(before)
  })

  test('a version of HTTP that nobody knows is 505', async () => {
    const answer = await front.send(lines('GET /v2/ HTTP/3.0', 'Host: a'))
    expect(answer.status).toBe(505)
    expect(errorOf(answer).code).toBe('NAME_INVALID')
  })

  test('lines that end with a line feed alone reach the core as one well-framed request', async () => {
    const before = front.core.seen.length
    const answer = await front.send('GET /v2/ HTTP/1.1\nHost: a\nConnection: close\n\n')
    expect(answer.status).toBe(200)
    expect(front.core.seen).toHaveLength(before + 1)
    expect(front.core.seen.at(-1)).toMatchObject({ method: 'GET', target: '/v2/', headers: { host: 'a' } })
  })

  test('HTTP/1.0 without a host is asked of the core with one', async () => {
    const answer = await front.send(lines('GET /v2/ HTTP/1.0'))
    expect(answer.status).toBe(200)
    expect(front.core.seen.at(-1)?.headers.host).toBe('localhost')
  })

  test('TRACE is refused', async () => {
    const answer = await front.send(lines('TRACE /v2/ HTTP/1.1', 'Host: a', 'Connection: close'))
    expect(answer.status).toBe(405)
    expect(errorOf(answer).code).toBe('UNSUPPORTED')
  })
})
