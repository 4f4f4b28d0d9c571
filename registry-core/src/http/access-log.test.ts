import { expect, test } from '@jest/globals'
import { anonymousCaller } from '../access/caller.js'
import { RegistryError } from '../oci/failure.js'
import { logRequest } from './access-log.js'
import type { Outcome } from './handle.js'
import { parseTarget } from './target.js'

function lineOf(outcome: Partial<Outcome>): { level: string; fields: Record<string, unknown> } {
  let line = { level: '', fields: {} }
  const say = (level: string) => (fields: object) => {
    line = { level, fields: { ...fields } }
  }
  logRequest(
    { info: say('info'), warn: say('warn'), error: say('error') },
    {
      request: {
        method: 'GET',
        url: '/v2/a/manifests/x',
        headers: { host: 'h', 'user-agent': 'docker', authorization: 'Basic c2VjcmV0' },
      },
      served: { origin: 'local', cache: 'hit' },
      peer: {
        requestId: 'id-1',
        remoteAddress: '10.0.0.1',
        listener: 0,
        isBehindNginx: false,
        caller: anonymousCaller('push', false),
      },
      call: parseTarget('/v2/a/manifests/x'),
      ...{ status: 200, bytesIn: 0, bytesOut: 5, durationMs: 1.5, outcome: 'ok', error: undefined },
      ...outcome,
    },
  )
  return line
}

test('a request is written down under the names of registry:2, with everything that was asked and answered', () => {
  expect(lineOf({})).toEqual({
    level: 'info',
    fields: {
      'http.request.host': 'h',
      'http.request.id': 'id-1',
      'http.request.method': 'GET',
      'http.request.received': 0,
      'http.request.remoteaddr': '10.0.0.1',
      'http.request.uri': '/v2/a/manifests/x',
      'http.request.useragent': 'docker',
      'http.response.duration': '1.5ms',
      'http.response.durationms': 1.5,
      'http.response.status': 200,
      'http.response.written': 5,
      outcome: 'ok',
      origin: 'local',
      cache: 'hit',
      'vars.name': 'a',
      'vars.reference': 'x',
    },
  })
})

test('what a client sent to prove who it is never stands in a line', () => {
  expect(JSON.stringify(lineOf({ status: 500, error: new Error('boom') }))).not.toContain('c2VjcmV0')
})

test('a failure of ours is an error with its stack and cause, one of the client is not', () => {
  expect(lineOf({ status: 404, outcome: 'manifest-unknown' }).level).toBe('info')
  const { level, fields } = lineOf({
    status: 500,
    error: new Error('boom', { cause: new Error('the disk') }),
  })
  expect(level).toBe('error')
  expect(fields).toMatchObject({
    'err.message': 'boom',
    'err.stack': expect.stringContaining('access-log.test'),
    'err.cause': expect.stringContaining('the disk'),
  })
})

test.each([
  new RegistryError('server-busy', { why: 'many uploads' }),
  new RegistryError('health-failing', { check: 'redis', why: 'it is down' }),
  new RegistryError('storage-full', { freeBytes: 1, neededBytes: 2 }),
  new RegistryError('store-refused', { why: 'it is another one' }),
])('a refusal that was foreseen is a warning with its sentence, and no stack: $failure', (error) => {
  const { level, fields } = lineOf({ status: 503, error })
  expect(level).toBe('warn')
  expect(fields).toMatchObject({ 'err.message': error.message })
  expect(fields).not.toHaveProperty(['err.stack'])
})

test.each([
  ['/token?account=ci&password=hush&scope=a', '/token?account=ci&password=…&scope=a'],
  ['/token?refresh_token=hush', '/token?refresh_token=…'],
  ['/v2/?Access_Token=hush&client_secret=hush', '/v2/?Access_Token=…&client_secret=…'],
  ['http://ci:hush@registry/v2/', 'http://…@registry/v2/'],
])('a password or token in the target is not written down: %s', (url, written) => {
  const request = { method: 'GET', url, headers: {} }
  expect(lineOf({ request, call: undefined }).fields['http.request.uri']).toBe(written)
})
