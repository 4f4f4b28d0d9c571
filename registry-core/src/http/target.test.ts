import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isRegistryError } from '../oci/failure.js'
import { belowPrefix, PATH_PATTERN, parseTarget, TARGET_LIMIT_BYTES } from './target.js'
import { QUERY_PATTERN } from './query.js'

const HEX = 'a'.repeat(64)
const DIGEST = `sha256:${HEX}`

function failureOf(target: string): string {
  try {
    return `no failure: ${JSON.stringify(parseTarget(target))}`
  } catch (error) {
    return isRegistryError(error) ? error.failure : String(error)
  }
}

describe('a request target', () => {
  test.each([
    ['/', { kind: 'root' }],
    ['/v2', { kind: 'version-redirect' }],
    ['/v2/', { kind: 'version' }],
    ['/v2/?x=1', { kind: 'version' }],
    ['/healthz', { kind: 'healthz' }],
    ['/readyz', { kind: 'readyz' }],
    ['/v2/_catalog?n=5&last=a', { kind: 'catalog', page: { limit: 5, last: 'a' } }],
    ['/v2/a/tags/list', { kind: 'tags', repository: 'a', page: { limit: undefined, last: undefined } }],
    [
      '/v2/a/b/manifests/v1',
      { kind: 'manifest', repository: 'a/b', reference: { kind: 'tag', tag: 'v1' }, tags: [] },
    ],
    [
      `/v2/a/manifests/${DIGEST}?tag=x&tag=y`,
      { reference: { kind: 'digest', digest: DIGEST }, tags: ['x', 'y'] },
    ],
    [`/v2/a/blobs/${DIGEST}`, { kind: 'blob', digest: DIGEST }],
    [`/v2/a/referrers/${DIGEST}?artifactType=a/b%2Bc`, { kind: 'referrers', artifactType: 'a/b+c' }],
    [`/v2/a/referrers/${DIGEST}?artifactType=a/b+c`, { kind: 'referrers', artifactType: 'a/b+c' }],
    ['/v2/a/blobs/uploads/', { kind: 'uploads', repository: 'a', digest: undefined, mount: undefined }],
    [
      `/v2/a/blobs/uploads/?mount=sha256%3A${HEX}&from=library%2Falpine`,
      { kind: 'uploads', mount: DIGEST, from: 'library/alpine' },
    ],
    ['/v2/a/blobs/uploads/?digest-algorithm=sha512', { kind: 'uploads', algorithm: 'sha512' }],
    [
      `/v2/a/blobs/uploads/abc-1?_state=x%3D&digest=${DIGEST}`,
      { kind: 'upload', upload: 'abc-1', digest: DIGEST },
    ],
    ['/v2/a/tags/list?ns=quay.io', { kind: 'tags', namespace: 'quay.io' }],
  ])('%s is read as what it says', (target, expected) => {
    expect(parseTarget(target)).toMatchObject(expected)
  })

  test.each([
    ['/v2/a/manifests/b/manifests/c', { kind: 'manifest', repository: 'a/manifests/b' }],
    ['/v2/a/manifests/b/tags/list', { kind: 'tags', repository: 'a/manifests/b' }],
    ['/v2/x/blobs/uploads/tags/list', { kind: 'tags', repository: 'x/blobs/uploads' }],
    ['/v2/x/blobs/uploads/manifests/y', { kind: 'manifest', repository: 'x/blobs/uploads' }],
    ['/v2/x/blobs/uploads/blobs/uploads/', { kind: 'uploads', repository: 'x/blobs/uploads' }],
    ['/v2/x/blobs/uploads/list', { kind: 'upload', repository: 'x', upload: 'list' }],
    [`/v2/a/tags/list/blobs/${DIGEST}`, { kind: 'blob', repository: 'a/tags/list' }],
  ])('%s is read from the right', (target, expected) => {
    expect(parseTarget(target)).toMatchObject(expected)
  })

  test.each([
    '/v2/a%2Fb/manifests/x',
    '/admin/%2e%2e/v2/a/tags/list',
    '/v2/x/../../admin',
    '/v2/x/..',
    '//v2/a',
    '/v2//a/tags/list',
    '/v2/a/./b/tags/list',
    '/v2/a;x=1/tags/list',
    '/v2/a/tags/list#x',
    '/v2/a/tags/list?n=1#x',
    '/v2/a%23/tags/list',
    '/v2/a%3F/tags/list',
    '/v2/a\\b/tags/list',
    '/v2/a%5Cb/tags/list',
    '/v2/a%00/tags/list',
    '/v2/a%0d%0a/tags/list',
    '/v2/a%252e/tags/list',
    '/v2/\u00fc/tags/list',
    'http://evil/v2/a/tags/list',
    '*',
    '',
    '/v2/a/tags/list?last=%zz',
    '/v2/a/tags/list?last=%',
    '/v2/a/tags/list?last=%00',
    '/v2/a/tags/list?last=%c3%bc',
    '/v2/a/tags/list?last=a b',
    '/v2/a/tags/list?n=1&n=2',
  ])('%s is refused as malformed', (target) => {
    expect(failureOf(target)).toBe('target-malformed')
  })

  test.each([
    ['/v2/A/tags/list', 'name-invalid'],
    ['/v2/a..b/tags/list', 'name-invalid'],
    ['/v2/-a/tags/list', 'name-invalid'],
    ['/v2/_uploads/tags/list', 'name-invalid'],
    ['/v2/a/_manifests/tags/list', 'name-invalid'],
    ['/v2/a%3Ab/tags/list', 'name-invalid'],
    [`/v2/${'a/'.repeat(127)}ab/tags/list`, 'name-invalid'],
    ['/v2/manifests/x', 'name-invalid'],
    ['/v2/a/manifests/.x', 'tag-invalid'],
    [`/v2/a/manifests/${'t'.repeat(129)}`, 'tag-invalid'],
    ['/v2/a/manifests/a/b', 'tag-invalid'],
    ['/v2/a/manifests/', 'tag-invalid'],
    ['/v2/a/manifests/sha256:xyz', 'digest-malformed'],
    [`/v2/a/blobs/sha256:${'A'.repeat(64)}`, 'digest-malformed'],
    [`/v2/a/blobs/md5:${'a'.repeat(32)}`, 'digest-malformed'],
    ['/v2/a/blobs/sha256:', 'digest-malformed'],
    ['/v2/a/referrers/x', 'digest-malformed'],
    ['/v2/a/blobs/uploads/a.b', 'upload-unknown'],
    [`/v2/a/blobs/uploads/${'a'.repeat(65)}`, 'upload-unknown'],
    ['/v2/a/blobs/uploads/?digest-algorithm=md5', 'algorithm-unsupported'],
    ['/v2/a/blobs/uploads/?mount=x', 'digest-malformed'],
    ['/v2/_catalog?n=-1', 'page-number-invalid'],
    ['/v2/_catalog?n=x', 'page-number-invalid'],
    ['/v2/_catalog?n=', 'page-number-invalid'],
    [`/v2/a/manifests/${DIGEST}?${'tag=x&'.repeat(33)}`, 'too-many-tags'],
    ['/v2/a', 'endpoint-unknown'],
    ['/v2/a/tags/list/', 'endpoint-unknown'],
    ['/v2/a/tags/other', 'endpoint-unknown'],
    ['/foo', 'endpoint-unknown'],
    [`/v2/a/tags/list?last=${'a'.repeat(TARGET_LIMIT_BYTES)}`, 'target-too-long'],
  ])('%s is refused as %s', (target, failure) => {
    expect(failureOf(target)).toBe(failure)
  })

  test('a number of entries beyond all measure is taken as a large one', () => {
    expect(parseTarget('/v2/_catalog?n=1000000000000000000000')).toMatchObject({
      page: { limit: Number.MAX_SAFE_INTEGER },
    })
  })
})

const part = fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,4})?$/)
const name = fc.array(fc.oneof(part, fc.constantFrom('manifests', 'blobs', 'uploads', 'tags', 'list')), {
  minLength: 1,
  maxLength: 6,
})

describe('the grammar of targets', () => {
  test('accepts nothing that nginx, which holds the same patterns, refuses', () => {
    const [path, query] = [new RegExp(PATH_PATTERN), new RegExp(QUERY_PATTERN)]
    const hostile = fc
      .array(
        fc.oneof(
          fc.constantFrom(
            '/v2/',
            '/',
            '..',
            '.',
            '%3A',
            '%3a',
            '%2F',
            '%',
            '?',
            '#',
            '\\',
            ';',
            'manifests/',
            'blobs/',
          ),
          fc.constantFrom(
            'uploads/',
            'tags/list',
            'sha256:',
            HEX,
            'n=1',
            '&',
            'last=',
            'tag=',
            '\n',
            'ü',
            ' ',
            '_catalog',
          ),
          fc.string({ maxLength: 4 }),
          part,
        ),
        { maxLength: 12 },
      )
      .map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(hostile, (target) => {
        const at = target.indexOf('?')
        const isAccepted = failureOf(target).startsWith('no failure')
        const [left, right] = at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)]
        expect(isAccepted && !(path.test(left) && query.test(right))).toBe(false)
      }),
      { numRuns: 5000 },
    )
  })

  test('finds every repository again, whatever words its name is made of', () => {
    fc.assert(
      fc.property(name, part, (parts, tag) => {
        const repository = parts.join('/')
        expect(parseTarget(`/v2/${repository}/manifests/${tag}`)).toMatchObject({
          kind: 'manifest',
          repository,
        })
        expect(parseTarget(`/v2/${repository}/tags/list`)).toMatchObject({ kind: 'tags', repository })
        expect(parseTarget(`/v2/${repository}/blobs/${DIGEST}`)).toMatchObject({ kind: 'blob', repository })
        expect(parseTarget(`/v2/${repository}/blobs/uploads/`)).toMatchObject({ kind: 'uploads', repository })
      }),
    )
  })

  test('never throws anything but a failure of the list', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        expect(failureOf(`/v2/${text}`)).toMatch(/^[a-z]+(-[a-z]+)*$|^no failure/)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['/hub/v2/', 'version'],
    ['/hub/v2', 'version-redirect'],
    ['/hub/v2/a/tags/list?n=1', 'tags'],
    ['/hub/token', 'token'],
    ['/hub/v2/hub/v2/manifests/x', 'manifest'],
    ['/', 'root'],
    ['/healthz', 'healthz'],
    ['/readyz', 'readyz'],
  ])('%s below the prefix /hub is %s', (target, kind) => {
    expect(parseTarget(target, '/hub').kind).toBe(kind)
  })

  test.each([
    '/v2/',
    '/v2',
    '/v2/a/tags/list',
    '/hub',
    '/hub/',
    '/hubx/v2/',
    '/hub/v2x',
    '/hub/healthz',
    '/token',
  ])('%s is nothing below the prefix /hub', (target) => {
    expect(() => parseTarget(target, '/hub')).toThrow(
      expect.objectContaining({ failure: 'endpoint-unknown' }),
    )
  })

  test.each(['/hub/../hub/v2/', '/hub//v2/', '/%68ub/v2/', 'http://x/hub/v2/'])(
    '%s is malformed below a prefix as well',
    (target) => {
      expect(() => parseTarget(target, '/hub')).toThrow(
        expect.objectContaining({ failure: 'target-malformed' }),
      )
    },
  )

  test('the paths of the API in an answer are below the prefix, and nothing else is', () => {
    const headers = { Location: '/v2/a/blobs/uploads/x', Link: '</v2/_catalog?last=a&n=1>; rel="next"' }
    expect(belowPrefix({ ...headers, Range: '0-0' }, '/hub')).toEqual({
      Location: '/hub/v2/a/blobs/uploads/x',
      Link: '</hub/v2/_catalog?last=a&n=1>; rel="next"',
      Range: '0-0',
    })
    expect(belowPrefix({ Location: 'https://elsewhere/v2/' }, '/hub')).toEqual({
      Location: 'https://elsewhere/v2/',
    })
  })

  test('a long hostile path is judged in no time', () => {
    const started = performance.now()
    failureOf(`/v2/${'a%3A.'.repeat(1600)}!`)
    failureOf(`/v2/${'a-'.repeat(120)}!/tags/list`)
    expect(performance.now() - started).toBeLessThan(100)
  })
})
