import { describe, expect, test } from '@jest/globals'
import { parseDigest } from '../oci/digest.js'
import { FAILURES, RegistryError } from '../oci/failure.js'
import { parseRepositoryName } from '../oci/repository.js'
import { ERRORS, errorAnswer, errorBody } from './errors.js'

const OURS = ['PAGINATION_NUMBER_INVALID', 'UNAVAILABLE', 'UNKNOWN']
const SPEC = [
  ...[
    'BLOB_UNKNOWN',
    'BLOB_UPLOAD_INVALID',
    'BLOB_UPLOAD_UNKNOWN',
    'DIGEST_INVALID',
    'MANIFEST_BLOB_UNKNOWN',
  ],
  ...['MANIFEST_INVALID', 'MANIFEST_UNKNOWN', 'NAME_INVALID', 'NAME_UNKNOWN', 'SIZE_INVALID', 'UNAUTHORIZED'],
  ...['DENIED', 'UNSUPPORTED', 'TOOMANYREQUESTS'],
]
const digest = parseDigest(`sha256:${'a'.repeat(64)}`)
const repository = parseRepositoryName('a/b')

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: it failed, open '/secret/path'`), { code })
}

describe('the table of errors', () => {
  test('knows codes of the specification, and the three of ours, only', () => {
    for (const failure of FAILURES) expect([...SPEC, ...OURS]).toContain(ERRORS[failure].code)
  })

  test('says 4xx for what a client did, and 5xx for nothing but the storage, its limits, what is watched, and a core or an upstream that is away', () => {
    const server = FAILURES.filter((failure) => ERRORS[failure].status >= 500)
    const ours = [
      'health-failing',
      'server-busy',
      'server-unreachable',
      'storage-failing',
      'storage-full',
      'store-refused',
      'upstream-unavailable',
    ]
    expect(server.toSorted()).toEqual(ours)
  })
})

describe('an error answer', () => {
  test.each([
    ['ENOSPC', 507],
    ['EDQUOT', 507],
    ['EFBIG', 507],
    ['EROFS', 503],
    ['EIO', 503],
    ['EMFILE', 503],
    ['ENFILE', 503],
    ['EACCES', 503],
  ])('to %s of the system is %i, in words, without a path', (code, status) => {
    const { answer, isBug } = errorAnswer(systemError(code), 'PUT', undefined)
    expect(answer.status).toBe(status)
    expect(isBug).toBe(false)
    expect(JSON.stringify(answer.body)).toContain('UNAVAILABLE')
    expect(JSON.stringify(answer.body)).not.toContain('secret')
  })

  test.each([
    ['UNKNOWN', -122, 507],
    ['Unknown system error -122', -122, 507],
    ['Unknown system error -116', -116, 503],
    ['Unknown system error -117', -117, 503],
    ['EBADMSG', -74, 503],
  ])('to what Node calls "%s" (%i) is %i all the same', (code, errno, status) => {
    const error = Object.assign(systemError(code), { errno })
    expect(errorAnswer(error, 'PUT', undefined)).toMatchObject({ answer: { status }, isBug: false })
  })

  test('to a bug tells the client nothing', () => {
    const { answer, isBug } = errorAnswer(new TypeError('x is not a function'), 'GET', undefined)
    expect(isBug).toBe(true)
    expect(answer).toEqual({
      status: 500,
      headers: {},
      body: {
        kind: 'json',
        value: { errors: [{ code: 'UNKNOWN', message: 'something went wrong inside the registry' }] },
      },
    })
  })

  test('to what is no error at all is a 500 too', () => {
    expect(errorAnswer('text', 'GET', undefined).answer.status).toBe(500)
    expect(errorAnswer(undefined, 'GET', undefined).answer.status).toBe(500)
  })

  test('names every missing blob in an entry of its own', () => {
    const other = parseDigest(`sha256:${'b'.repeat(64)}`)
    const error = new RegistryError('manifest-blob-unknown', { digests: [digest, other], repository })
    expect(errorAnswer(error, 'PUT', undefined).answer.body).toMatchObject({
      value: {
        errors: [
          { code: 'MANIFEST_BLOB_UNKNOWN', detail: { digest } },
          { code: 'MANIFEST_BLOB_UNKNOWN', detail: { digest: other } },
        ],
      },
    })
  })

  test('to an impossible tag is "unknown" for readers and "invalid" for writers', () => {
    const error = new RegistryError('tag-invalid', { tag: 'a/b' })
    expect(errorAnswer(error, 'GET', undefined).answer.status).toBe(404)
    expect(errorAnswer(error, 'HEAD', undefined).answer.status).toBe(404)
    expect(errorAnswer(error, 'PUT', undefined).answer.status).toBe(400)
  })

  test('to a chunk out of order says where the session stands', () => {
    const call = {
      kind: 'upload',
      repository,
      upload: 'u-1',
      digest: undefined,
      namespace: undefined,
    } as const
    const error = new RegistryError('chunk-out-of-order', { sent: 9, expected: 5 })
    expect(errorAnswer(error, 'PATCH', call).answer).toMatchObject({
      status: 416,
      headers: { Location: '/v2/a/b/blobs/uploads/u-1', Range: '0-4', 'Docker-Upload-UUID': 'u-1' },
    })
  })

  test('to damaged content is that it is not here', () => {
    const call = { kind: 'blob', repository, digest, namespace: undefined } as const
    expect(errorAnswer(systemError('WRONG_DIGEST'), 'GET', call).answer.status).toBe(404)
    expect(errorAnswer(systemError('WRONG_DIGEST'), 'GET', undefined).answer.status).toBe(500)
  })

  test('to what has vanished is "not here" for readers of a blob only', () => {
    const call = { kind: 'blob', repository, digest, namespace: undefined } as const
    expect(errorAnswer(systemError('ENOENT'), 'GET', call).answer.status).toBe(404)
    expect(errorAnswer(systemError('ENOENT'), 'HEAD', call).answer.status).toBe(404)
    expect(errorAnswer(systemError('ENOENT'), 'DELETE', call).answer.status).toBe(503)
  })

  test('a 503 says when to come again', () => {
    const error = new RegistryError('server-busy', { why: 'many uploads' })
    expect(errorAnswer(error, 'GET', undefined).answer.headers).toHaveProperty('Retry-After')
  })

  test('reads the same when nginx gives it', () => {
    expect(JSON.parse(errorBody('body-too-large', { limitBytes: 5 }))).toEqual({
      errors: [
        { code: 'SIZE_INVALID', message: 'the body is larger than 5 bytes', detail: { limitBytes: 5 } },
      ],
    })
  })
})
