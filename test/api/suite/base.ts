import { expect } from '@jest/globals'

import { absentDigest, makeImage, randomLayer } from '../../support/images.js'
import { lines } from '../../support/raw-http.js'
import { EVERY_MANIFEST_TYPE, expectStatus } from '../../support/registry-client.js'
import { check } from './check.js'
import { expectError, expectHeader, expectRaw } from './expect-answer.js'

/** The doors beside the nouns: the version check, what is no endpoint, and methods that one lacks. */
export const baseChecks = [
  check(['end-1'], 'the version check answers an empty JSON object', async ({ client }) => {
    const answer = expectStatus(await client.get('/v2/'), 200)
    expectHeader(answer, 'content-type', /^application\/json/)
    expectHeader(answer, 'docker-distribution-api-version', 'registry/2.0')
    expectHeader(answer, 'content-length', '2')
    expect(answer.body.toString()).toBe('{}')
  }),
  check(['end-1'], 'HEAD of the version check has its headers and no body', async ({ client }) => {
    const answer = expectStatus(await client.head('/v2/'), 200)
    expectHeader(answer, 'docker-distribution-api-version', 'registry/2.0')
    expect(answer.body.length).toBe(0)
  }),
  check(['end-1'], '/v2 leads to /v2/', async ({ client }) => {
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = expectStatus(await client.send({ method, target: '/v2' }), 301)
      expectHeader(answer, 'location', '/v2/')
    }
  }),
  check(['end-1'], 'the root answers 200 and nothing', async ({ client }) => {
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = expectStatus(await client.send({ method, target: '/' }), 200)
      expect(answer.body.length).toBe(0)
    }
  }),
  check(['end-1'], 'OPTIONS answers 200 with what is allowed', async ({ client }) => {
    for (const target of ['/', '/v2/']) {
      expectStatus(await client.send({ method: 'OPTIONS', target }), 200)
    }
    const methods = {
      '/v2/a/b/tags/list': ['GET'],
      '/v2/a/b/manifests/x': ['DELETE', 'GET', 'HEAD', 'PUT'],
      '/v2/a/b/blobs/uploads/': ['POST'],
    }
    for (const [target, expected] of Object.entries(methods)) {
      const answer = expectStatus(await client.send({ method: 'OPTIONS', target }), 200)
      const allowed = (answer.header('allow') ?? '').split(/, */)
      expect(allowed).toEqual(expect.arrayContaining(expected))
      expect(answer.body.length).toBe(0)
    }
  }),
  check(
    ['end-1', 'content headers'],
    'HEAD answers with the headers of GET',
    async ({ client, repository }) => {
      const name = repository()
      const image = makeImage({ layers: 1 })
      const { digest } = await client.pushImage(name, image, 'latest')
      const [config] = image.blobs
      const targets = ['manifests/latest', `manifests/${digest}`, `blobs/${config?.descriptor.digest}`]
      for (const target of [...targets, 'manifests/absent', `blobs/${absentDigest()}`]) {
        const call = { target: `/v2/${name}/${target}`, headers: { accept: EVERY_MANIFEST_TYPE } }
        const [got, head] = [
          await client.send({ ...call, method: 'GET' }),
          await client.send({ ...call, method: 'HEAD' }),
        ]
        expect(head.status).toBe(got.status)
        for (const header of [
          'content-type',
          'content-length',
          'docker-content-digest',
          'etag',
          'accept-ranges',
        ]) {
          expect([target, header, head.header(header)]).toEqual([target, header, got.header(header)])
        }
      }
    },
  ),
  check(['end-1', 'end-2'], 'a client of HTTP/1.0 is served and its connection closed', async (subject) => {
    const name = subject.repository()
    const layer = randomLayer(5000)
    const { digest } = await subject.client.pushBlob(name, layer)
    const exchange = await subject.raw(lines(`GET /v2/${name}/blobs/${digest} HTTP/1.0`), { waitMs: 3000 })
    const answer = expectRaw(exchange, 200)
    expect(answer.body.equals(layer.bytes)).toBe(true)
    expect(answer.header('transfer-encoding')).toBeUndefined()
    expect(exchange.closed).toBe(true)
  }),
  check(['errors'], 'a path that is no endpoint is 404 with an error list', async ({ client }) => {
    for (const target of [
      '/v2/nothing',
      '/v2/a/b/nothing/x',
      '/v2/a/b/manifests',
      '/v2/a/b/tags',
      '/v2/_other',
    ]) {
      expectError(await client.get(target), 404)
    }
  }),
  check(['errors'], 'a path outside of /v2/ is 404', async ({ client }) => {
    for (const target of ['/nothing', '/v1/_ping', '/api/v1/upstreams', '/v3/', '/v22/']) {
      expectStatus(await client.get(target), 404)
    }
  }),
  check(
    ['errors'],
    'a method that an endpoint lacks is 405 UNSUPPORTED and says what is allowed',
    async ({ client }) => {
      const wrong = [
        { method: 'PUT', target: '/v2/a/b/tags/list' },
        { method: 'PATCH', target: '/v2/a/b/manifests/x' },
        { method: 'POST', target: '/v2/a/b/manifests/x' },
        { method: 'POST', target: '/v2/_catalog' },
      ] as const
      for (const call of wrong) {
        const answer = await client.send({ ...call, body: '' })
        expectError(answer, 405, 'UNSUPPORTED')
        expectHeader(answer, 'allow', /GET/)
      }
    },
  ),
  check(['errors'], 'a method that nobody knows is refused', async ({ raw }) => {
    for (const method of ['TRACE', 'CONNECT', 'FOO', 'get']) {
      expectRaw(await raw(lines(`${method} /v2/ HTTP/1.1`, 'Host: registry'), { answers: 1 }), 400, 405, 501)
    }
  }),
  check(['errors'], 'nonsense never makes a 500', async ({ client }) => {
    const names = ['A', 'a..b', '-a', 'a_', '_a', 'a/-b', 'a'.repeat(256), '%20', 'a%00b', "a'b"]
    const references = [
      'x',
      '.x',
      '-x',
      'sha256:x',
      'sha256:',
      ':',
      'a:b',
      'x'.repeat(300),
      '%ff',
      'sha999:abcd',
    ]
    const digests = ['x', 'sha256:x', `sha256:${'A'.repeat(64)}`, 'sha512:00', 'md5:00', ':', '%00']
    const targets = [
      ...names.flatMap((name) => [
        `/v2/${name}/tags/list`,
        `/v2/${name}/manifests/x`,
        `/v2/${name}/blobs/uploads/`,
      ]),
      ...references.map((reference) => `/v2/a/b/manifests/${reference}`),
      ...digests.flatMap((digest) => [`/v2/a/b/blobs/${digest}`, `/v2/a/b/referrers/${digest}`]),
      ...digests.map((id) => `/v2/a/b/blobs/uploads/${id}`),
    ]
    for (const target of targets) {
      for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'] as const) {
        const body = method === 'GET' || method === 'HEAD' || method === 'DELETE' ? {} : { body: 'x' }
        const { status } = await client.send({ method, target, ...body })
        if (status >= 500 || status < 400) throw new Error(`${method} ${target} answered ${status}`)
      }
    }
  }),
  check(['errors'], 'the message of an error is a sentence for a person', async ({ client, repository }) => {
    const answer = await client.get(`/v2/${repository()}/manifests/latest`)
    expectError(answer, 404, 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN')
    expect(answer.json()).toMatchObject({
      errors: [{ message: expect.stringMatching(/\w+ \w+/) as unknown }],
    })
  }),
]
