import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'

import { randomLayer } from '../support/images.js'
import type { RawAnswer } from '../support/raw-http.js'
import { acceleratedHeaders } from './scripted-core.js'
import { describeFront, errorOf } from './suite.js'

describeFront('a blob that nginx sends from disk', { tls: false }, (front) => {
  /** Which of these headers stand in an answer, and how often. */
  function occurrences(answer: RawAnswer, names: readonly string[]): Readonly<Record<string, number>> {
    return Object.fromEntries(
      names.map((name) => [name, answer.headers.filter(([key]) => key === name).length]),
    )
  }

  const ONCE = [
    'content-type',
    'content-length',
    'docker-content-digest',
    'docker-distribution-api-version',
    'etag',
    'cache-control',
    'content-disposition',
    'x-content-type-options',
    'content-security-policy',
    'x-cache',
    'x-entrepot-origin',
    'oci-namespace',
  ]

  test('is whole, and carries each header of the contract once', async () => {
    const { bytes } = randomLayer(300_000)
    const digest = front.core.put(bytes)
    const answer = await front.ask(`/v2/team/app/blobs/${digest}`)
    expect(answer.status).toBe(200)
    expect(answer.body.equals(bytes)).toBe(true)
    expect(occurrences(answer, [...ONCE, 'accept-ranges'])).toEqual(
      Object.fromEntries([...ONCE, 'accept-ranges'].map((name) => [name, 1])),
    )
    expect(answer.header('docker-content-digest')).toBe(digest)
    expect(answer.header('etag')).toBe(`"${digest}"`)
    expect(answer.header('x-content-type-options')).toBe('nosniff')
    expect(answer.header('content-security-policy')).toBe("default-src 'none'; sandbox")
    expect(answer.header('content-disposition')).toBe('attachment')
    expect(answer.header('cache-control')).toBe(acceleratedHeaders(digest)['x-entrepot-cache-control'])
    expect(answer.header('x-cache')).toBe('hit')
    expect(answer.header('x-entrepot-origin')).toBe('quay.io')
    expect(answer.header('oci-namespace')).toBe('quay.io')
    expect(answer.header('last-modified')).toBeUndefined()
    expect(answer.header('x-accel-redirect')).toBeUndefined()
  })

  test('is asked of the core with the headers that nginx alone may set', async () => {
    const digest = front.core.put(Buffer.from('asked'))
    await front.ask(`/v2/a/blobs/${digest}`)
    expect(front.core.seen.at(-1)?.headers).toMatchObject({
      'x-entrepot-view': 'registry',
      'x-real-ip': '127.0.0.1',
    })
    expect(front.core.seen.at(-1)?.headers['x-entrepot-no-accel']).toBeUndefined()
  })

  test.each([
    ['bytes=0-9', 0, 9],
    ['bytes=299990-', 299_990, 299_999],
    ['bytes=-10', 299_990, 299_999],
    ['bytes=299990-400000', 299_990, 299_999],
  ])('answers the range %s with exactly those bytes', async (range, first, last) => {
    const { bytes } = randomLayer(300_000)
    const digest = front.core.put(bytes)
    const answer = await front.ask(`/v2/a/blobs/${digest}`, `Range: ${range}`)
    expect(answer.status).toBe(206)
    expect(answer.header('content-range')).toBe(`bytes ${first}-${last}/300000`)
    expect(answer.body.equals(bytes.subarray(first, last + 1))).toBe(true)
    expect(occurrences(answer, ONCE)).toEqual(Object.fromEntries(ONCE.map((name) => [name, 1])))
  })

  test('says nothing of a namespace that the core did not name', async () => {
    const digest = front.core.put(Buffer.from('local'))
    front.core.next((_, response) => {
      const redirect = `/_blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`
      response.writeHead(200, { 'x-entrepot-origin': 'local', 'x-accel-redirect': redirect }).end()
    })
    const answer = await front.ask(`/v2/a/blobs/${digest}`)
    expect(answer.body.toString()).toBe('local')
    expect(answer.header('x-entrepot-origin')).toBe('local')
    expect(answer.header('oci-namespace')).toBeUndefined()
  })

  test('comes from the core when it was condemned a moment ago', async () => {
    const { bytes } = randomLayer(50_000)
    const digest = front.core.put(bytes)
    front.core.next((_, response) => {
      const headers = { ...acceleratedHeaders(digest), 'x-accel-redirect': '/_blobs/sha256/00/0000/data' }
      response.writeHead(200, headers).end()
    })
    const target = `/v2/a/blobs/${digest}?ns=docker.io&x=%3A`
    const answer = await front.ask(target)
    expect(answer.status).toBe(200)
    expect(answer.header('x-streamed-by')).toBe('core')
    expect(answer.body.equals(bytes)).toBe(true)
    expect(occurrences(answer, ONCE)).toMatchObject({ 'cache-control': 1, 'content-disposition': 1, etag: 1 })
    expect(front.core.seen.at(-1)?.target).toBe(target)
    expect(front.core.seen.at(-1)?.headers['x-entrepot-no-accel']).toBe('1')
  })

  test('that is gone for good is the core’s own 404, without the headers of a blob', async () => {
    const digest = front.core.put(Buffer.from('gone'))
    front.core.next((_, response) => {
      rmSync(front.core.fileOf(digest))
      const redirect = `/_blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`
      response.writeHead(200, { ...acceleratedHeaders(digest), 'x-accel-redirect': redirect }).end()
    })
    front.core.next((_, response) => {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[]}')
    })
    const answer = await front.ask(`/v2/a/blobs/${digest}`)
    expect(answer.status).toBe(404)
    expect(answer.body.toString()).toBe('{"errors":[]}')
    expect(answer.header('content-type')).toBe('application/json')
    const ofBlobs = [
      ...['cache-control', 'content-disposition', 'docker-content-digest', 'etag', 'accept-ranges'],
      ...['x-cache', 'x-entrepot-origin', 'oci-namespace'],
    ]
    expect(occurrences(answer, ofBlobs)).toEqual(Object.fromEntries(ofBlobs.map((name) => [name, 0])))
  })

  test('is never followed through a symbolic link below the store: the core is asked', async () => {
    const digest = front.core.put(Buffer.from('mine'))
    const secret = path.join(path.dirname(front.core.storeRoot), 'secret')
    writeFileSync(secret, 'secret')
    rmSync(front.core.fileOf(digest))
    symlinkSync(secret, front.core.fileOf(digest))
    front.core.next((_, response) => {
      const redirect = `/_blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`
      response.writeHead(200, { ...acceleratedHeaders(digest), 'x-accel-redirect': redirect }).end()
    })
    front.core.next((request, response) => {
      response.writeHead(404).end(String(request.headers['x-entrepot-no-accel']))
    })
    const answer = await front.ask(`/v2/a/blobs/${digest}`)
    expect(answer.status).toBe(404)
    expect(answer.body.toString()).toBe('1')
  })

  test('that neither nginx nor the core can send is 502 with an OCI body', async () => {
    const digest = front.core.put(Buffer.from('never sent'))
    front.core.next((_, response) => {
      response
        .writeHead(200, { ...acceleratedHeaders(digest), 'x-accel-redirect': '/_blobs/sha256/00/0000/data' })
        .end()
    })
    front.core.next((request) => void request.socket.destroy())
    front.core.next((request) => void request.socket.destroy()) // nginx tries a kept connection twice
    const answer = await front.ask(`/v2/a/blobs/${digest}`)
    expect(answer.status).toBe(502)
    expect(errorOf(answer).code).toBe('UNAVAILABLE')
  })

  test('is asked for over connections to the core that are kept', async () => {
    const digest = front.core.put(Buffer.from('kept'))
    const before = front.core.connections()
    for (let times = 0; times < 50; times++) await front.ask(`/v2/a/blobs/${digest}`)
    expect(front.core.connections() - before).toBeLessThan(10) // as good as one a worker
  })
})
