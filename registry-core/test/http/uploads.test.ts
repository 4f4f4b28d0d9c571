import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually, pushBlob, randomBlob, startEdge, type TestEdge } from './edge.js'

let edge: TestEdge
beforeAll(async () => {
  edge = await startEdge()
})
afterAll(() => edge.close())

async function begin(query = ''): Promise<string> {
  const answer = await edge.send('POST', `/v2/team/app/blobs/uploads/${query}`)
  expect(answer.status).toBe(202)
  return String(answer.headers['location'])
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function expectOffset(location: string, range: string): Promise<void> {
  const state = await edge.send('GET', location)
  expect([state.status, state.headers['range']]).toEqual([204, range])
  expect(state.headers['location']).toBe(location)
}

describe('an upload session', () => {
  test('begins with a relative Location, an id and an empty range', async () => {
    const answer = await edge.send('POST', '/v2/team/app/blobs/uploads/')
    expect(answer.headers).toMatchObject({ 'content-length': '0', range: '0-0' })
    expect(answer.headers['location']).toBe(
      `/v2/team/app/blobs/uploads/${String(answer.headers['docker-upload-uuid'])}`,
    )
    await expectOffset(String(answer.headers['location']), '0-0')
  })

  test('takes a blob in chunks, and shows the last byte after each', async () => {
    const { bytes, digest } = randomBlob(300)
    const location = await begin()
    for (const [first, last] of [
      [0, 99],
      [100, 199],
    ] as const) {
      const answer = await edge.send('PATCH', location, {
        headers: { 'content-range': `${first}-${last}` },
        body: bytes.subarray(first, last + 1),
      })
      expect([answer.status, answer.headers['range']]).toEqual([202, `0-${last}`])
      await expectOffset(location, `0-${last}`)
    }
    const done = await edge.send('PUT', `${location}?digest=${digest}`, {
      headers: { 'content-range': '200-299' },
      body: bytes.subarray(200),
    })
    expect(done.status).toBe(201)
    expect(done.headers).toMatchObject({
      location: `/v2/team/app/blobs/${digest}`,
      'docker-content-digest': digest,
    })
    expect((await edge.send('GET', String(done.headers['location']))).body).toEqual(bytes)
    expect((await edge.send('GET', location)).code).toBe('BLOB_UPLOAD_UNKNOWN')
  })

  test('takes a stream in chunked transfer encoding, then an empty PUT', async () => {
    const { bytes, digest } = randomBlob(3_000_000)
    const location = await begin()
    const patched = await edge.send('PATCH', location, { body: inPieces(bytes, 70_000) })
    expect([patched.status, patched.headers['range']]).toEqual([202, '0-2999999'])
    expect((await edge.send('PUT', `${location}?digest=${digest}`)).status).toBe(201)
  })

  test.each(['sha256', 'sha512'] as const)(
    'takes a whole blob with the closing PUT, by %s',
    async (algorithm) => {
      const { bytes, digest } = randomBlob(1000, algorithm)
      const location = await begin()
      expect((await edge.send('PUT', `${location}?digest=${digest}`, { body: bytes })).status).toBe(201)
      const read = await edge.send('GET', `/v2/team/app/blobs/${digest}`)
      expect([read.headers['docker-content-digest'], read.body]).toEqual([digest, bytes])
    },
  )

  test('takes the empty blob, on POST and PUT, chunked or with a length', async () => {
    const { digest } = randomBlob(0)
    const nothing = (): AsyncIterable<Buffer> => inPieces(Buffer.alloc(0), 1)
    for (const body of [nothing(), '']) {
      const whole = await edge.send('POST', `/v2/team/app/blobs/uploads/?digest=${digest}`, { body })
      expect(whole.status).toBe(201)
    }
    for (const body of [nothing(), '']) {
      const location = await begin()
      expect((await edge.send('PUT', `${location}?digest=${digest}`, { body })).status).toBe(201)
    }
    const read = await edge.send('GET', `/v2/team/app/blobs/${digest}`)
    expect([read.status, read.headers['content-length'], read.body.length]).toEqual([200, '0', 0])
  })

  test('begins too when the POST is chunked and empty', async () => {
    const answer = await edge.send('POST', '/v2/team/app/blobs/uploads/', {
      body: inPieces(Buffer.alloc(0), 1),
    })
    expect(answer.status).toBe(202)
  })

  test.each(['PATCH', 'PUT'])('refuses a %s out of order with 416 and stays usable', async (method) => {
    const { bytes, digest } = randomBlob(20)
    const location = await begin()
    await edge.send('PATCH', location, { headers: { 'content-range': '0-9' }, body: bytes.subarray(0, 10) })
    const target = method === 'PUT' ? `${location}?digest=${digest}` : location
    for (const range of ['0-9', '5-14', '11-20']) {
      const refused = await edge.send(method, target, {
        headers: { 'content-range': range },
        body: bytes.subarray(0, 10),
      })
      expect([refused.status, refused.code, refused.headers['range'], refused.headers['location']]).toEqual([
        416,
        'BLOB_UPLOAD_INVALID',
        '0-9',
        location,
      ])
    }
    await expectOffset(location, '0-9')
    const done = await edge.send('PUT', `${location}?digest=${digest}`, { body: bytes.subarray(10) })
    expect(done.status).toBe(201)
  })

  test.each([
    ['shorter, with a length', '0-9', Buffer.alloc(5)],
    ['longer, with a length', '0-9', Buffer.alloc(15)],
  ])('refuses a body %s than its Content-Range, and the offset stays', async (_how, range, body) => {
    const location = await begin()
    for (const sent of [body, inPieces(body, 3)]) {
      const refused = await edge.send('PATCH', location, { headers: { 'content-range': range }, body: sent })
      expect([refused.status, refused.code]).toEqual([400, 'SIZE_INVALID'])
      await expectOffset(location, '0-0')
    }
    const { bytes, digest } = randomBlob(10)
    const good = await edge.send('PATCH', location, { headers: { 'content-range': '0-9' }, body: bytes })
    expect(good.status).toBe(202)
    expect((await edge.send('PUT', `${location}?digest=${digest}`)).status).toBe(201)
  })

  test('refuses a Content-Range that is none', async () => {
    const location = await begin()
    const refused = await edge.send('PATCH', location, { headers: { 'content-range': 'x' }, body: 'abc' })
    expect(refused.status).toBe(400)
    await expectOffset(location, '0-0')
  })

  test.each(['PUT after PATCH', 'PUT with body', 'POST'])(
    'refuses another digest than the content has: %s',
    async (style) => {
      const [{ bytes }, { digest }] = [randomBlob(100), randomBlob(100)]
      const location = await begin()
      if (style === 'PUT after PATCH') await edge.send('PATCH', location, { body: bytes })
      const refused =
        style === 'POST'
          ? await edge.send('POST', `/v2/team/app/blobs/uploads/?digest=${digest}`, { body: bytes })
          : await edge.send(
              'PUT',
              `${location}?digest=${digest}`,
              style === 'PUT with body' ? { body: bytes } : {},
            )
      expect([refused.status, refused.code]).toEqual([400, 'DIGEST_INVALID'])
      expect((await edge.send('HEAD', `/v2/team/app/blobs/${digest}`)).status).toBe(404)
    },
  )

  test('needs a digest to be closed', async () => {
    const location = await begin()
    expect((await edge.send('PUT', location)).code).toBe('DIGEST_INVALID')
    expect((await edge.send('PUT', `${location}?digest=sha256:x`)).code).toBe('DIGEST_INVALID')
    await expectOffset(location, '0-0')
  })

  test('ends on DELETE, once', async () => {
    const location = await begin()
    expect((await edge.send('DELETE', location)).status).toBe(204)
    expect((await edge.send('DELETE', location)).code).toBe('BLOB_UPLOAD_UNKNOWN')
    expect((await edge.send('PATCH', location, { body: 'x' })).status).toBe(404)
  })

  test('is unknown in another repository', async () => {
    const location = (await begin()).replace('team/app', 'team/other')
    for (const method of ['GET', 'PATCH', 'DELETE'])
      expect((await edge.send(method, location)).status).toBe(404)
  })

  test('keeps what came before the client went, and goes on from there', async () => {
    const { bytes, digest } = randomBlob(200_000)
    const location = await begin()
    const socket = await edge.connect()
    const ended = edge.outcomes.length
    socket.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n`)
    socket.write(bytes.subarray(0, 150_000))
    await eventually(() => edge.load.uploads === 1)
    await eventually(() => socket.bytesWritten > 150_000 && socket.writableLength === 0)
    socket.destroy()
    await eventually(() => edge.outcomes.length > ended)
    await expectOffset(location, '0-149999')
    const rest = await edge.send('PATCH', location, {
      headers: { 'content-range': '150000-199999' },
      body: bytes.subarray(150_000),
    })
    expect(rest.status).toBe(202)
    expect((await edge.send('PUT', `${location}?digest=${digest}`)).status).toBe(201)
    expect(edge.outcomes[ended]).toMatchObject({ status: 499, outcome: 'client-gone', bytesIn: 150_000 })
  })
})

describe('a mount', () => {
  test('from where the blob is makes it readable at once', async () => {
    const blob = randomBlob(50)
    await pushBlob(edge, 'source/a', blob)
    const answer = await edge.send('POST', `/v2/target/b/blobs/uploads/?mount=${blob.digest}&from=source%2Fa`)
    expect([answer.status, answer.headers['location']]).toEqual([201, `/v2/target/b/blobs/${blob.digest}`])
    expect((await edge.send('GET', `/v2/target/b/blobs/${blob.digest}`)).body).toEqual(blob.bytes)
  })

  test.each(['&from=elsewhere', ''])(
    'of what is not there, or without a source, is an ordinary session: %s',
    async (from) => {
      const blob = randomBlob(50)
      await pushBlob(edge, 'source/a', blob)
      const answer = await edge.send('POST', `/v2/target/c/blobs/uploads/?mount=${blob.digest}${from}`)
      expect(answer.status).toBe(202)
      expect(
        (
          await edge.send('PUT', `${String(answer.headers['location'])}?digest=${blob.digest}`, {
            body: blob.bytes,
          })
        ).status,
      ).toBe(201)
    },
  )
})

test('an upload that fails is answered with its own failure, also when tidying up after it fails', async () => {
  const broken = await startEdge({
    wrapRegistry: (registry) => ({
      ...registry,
      repository: (name) =>
        Object.assign(registry.repository(name), {
          abortUpload: () => Promise.reject(new Error('the disk fails')),
        }),
    }),
  })
  const [{ bytes }, { digest }] = [randomBlob(10), randomBlob(10)]
  const answer = await broken.send('POST', `/v2/team/app/blobs/uploads/?digest=${digest}`, { body: bytes })
  expect([answer.status, answer.code]).toEqual([400, 'DIGEST_INVALID'])
  await broken.close()
})
