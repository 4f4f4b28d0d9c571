import { expect, test } from '@jest/globals'

import fc from 'fast-check'

import { acceptableRequestTarget } from '#front/target-pattern.js'
import { lines } from '../support/raw-http.js'
import { describeFront, errorOf } from './suite.js'

const HEX = 'a'.repeat(64)

const ACCEPTABLE = new RegExp(acceptableRequestTarget)

const REFUSED: readonly string[] = [
  // a slash that only one of two readers sees
  '/v2/a%2Fb/manifests/x',
  '/v2/a%2fb/tags/list',
  // parts that a reader who normalises takes away
  '/admin/%2e%2e/v2/a/tags/list',
  '/v2/x/../../admin',
  '/v2/x/..',
  '/v2/x/..?n=1',
  '/v2/./a/tags/list',
  '/v2/a/.',
  '/../v2/',
  '/v2/a/%2E%2E/b',
  '/v2/../_blobs/sha256/aa/data',
  '//v2/a/tags/list',
  '/v2//a/tags/list',
  '/v2/a/tags//list',
  // path parameters
  '/v2/a;x=1/tags/list',
  '/v2/a/tags/list;x',
  '/v2/a/..;/b',
  // what another reader takes for the end, for a separator or for a line of its own
  '/v2/a#b/tags/list',
  '/v2/a/tags/list#',
  '/v2/a%23/tags/list',
  '/v2/a%3Fb/tags/list',
  '/v2/a\\b/tags/list',
  '/v2/a%5Cb/tags/list',
  '/v2/a%00b/tags/list',
  '/v2/a%0d%0ab/tags/list',
  '/v2/a%252Fb/tags/list',
  '/v2/a%/tags/list',
  '/v2/a%3/tags/list',
  '/v2/%61/tags/list',
  '/v2/\u00e9/tags/list',
  '/v2/\u00ff/tags/list',
  '/v2/a\u007f/tags/list',
  '/v2/a\u0001/tags/list',
  '/v2/a/tags/list?n=1#x',
  '/v2/a/tags/list?last=\u00e9',
  '/v2/a/tags/list?last=a\\b',
  // nginx's own places
  '/_errors/400.json',
  '/%5fblobs/sha256/aa',
  '/_errors/../v2/',
]

const ACCEPTED: readonly string[] = [
  '/v2/',
  '/v2/_catalog?n=100&last=team%2Fapp',
  '/v2/team/app/tags/list',
  '/v2/a.b_c-d/e__f/manifests/v1.0',
  `/v2/a/manifests/sha256:${HEX}`,
  `/v2/a/manifests/sha256%3A${HEX}`,
  `/v2/a/referrers/sha256%3a${HEX}?artifactType=application%2Fspdx%2Bjson`,
  '/v2/a/blobs/uploads/',
  `/v2/a/blobs/uploads/?mount=sha256:${HEX}&from=team/other`,
  '/v2/a/blobs/uploads/0b7c2f9a-6f0e-4c0e-9d1c-0123456789ab?_state=abc_-=&digest=sha256%3Aab',
]

describeFront('the grammar of the request target', { tls: false }, (front) => {
  test.each(REFUSED)('%j is refused, and the core never hears of it', async (target) => {
    const before = front.core.seen.length
    const answer = await front.ask(target)
    expect(answer.status).toBe(400)
    expect(errorOf(answer).code).toBe('NAME_INVALID')
    expect(front.core.seen).toHaveLength(before)
  })

  test.each(ACCEPTED)('%j reaches the core as it was written', async (target) => {
    const answer = await front.ask(target)
    expect(answer.status).toBe(200)
    expect(front.core.seen.at(-1)?.target).toBe(target)
  })

  test.each(['/files../secret', '/_blobs../secret', '/_errors../nginx.conf'])(
    '%j leads to no folder of nginx’s: it is the core’s to answer',
    async (target) => {
      await front.ask(target)
      expect(front.core.seen.at(-1)?.target).toBe(target)
    },
  )

  test('a target of another host is refused, whatever Host says', async () => {
    const before = front.core.seen.length
    for (const target of ['http://evil.test/v2/', 'HTTPS://evil.test/v2/', 'http://evil.test']) {
      const answer = await front.ask(target)
      expect(answer.status).toBe(400)
      expect(errorOf(answer).code).toBe('NAME_INVALID')
    }
    expect(front.core.seen).toHaveLength(before)
  })

  test.each(['a/', 'a.b-', '%3A', 'a%3a/', 'x'])('a path of 15 KiB of %j is accepted', async (unit) => {
    const target = `/v2/${unit.repeat(Math.floor(15_000 / unit.length))}`
    expect((await front.ask(target)).status).toBe(200)
    expect(front.core.seen.at(-1)?.target).toBe(target)
  })

  test.each(['tag=t&', '%2F', 'a', '%20b', '='])('a query of 15 KiB of %j is accepted', async (unit) => {
    const target = `/v2/a/manifests/b?${unit.repeat(Math.floor(15_000 / unit.length))}`
    expect((await front.ask(target)).status).toBe(200)
    expect(front.core.seen.at(-1)?.target).toBe(target)
  })

  test('any target is accepted exactly when the core’s contract accepts it', async () => {
    const words =
      '/ // . .. /.. /../ /./ %3A %3a %2F %2f % %zz ? # \\ ; $ & = a Z 9 - _ : /v2/ blobs é'.split(' ')
    const pieces = fc.array(fc.constantFrom(...words), { maxLength: 10 })
    await fc.assert(
      fc.asyncProperty(pieces, async (some) => {
        const target = `/v2/${some.join('')}`
        const { status } = await front.ask(target)
        expect([target, status]).toEqual([target, ACCEPTABLE.test(target) ? 200 : 400])
      }),
      { numRuns: 300 },
    )
  })

  test('a long target costs no time', async () => {
    const started = performance.now()
    for (const unit of ['a/', 'a.', '.a', '%3A', '..', 'a..', '_']) {
      const repeated = unit.repeat(Math.floor(15_000 / unit.length))
      const answer = await front.send(lines(`GET /v2/${repeated}\\ HTTP/1.1`, 'Host: a', 'Connection: close'))
      expect(answer.status).toBe(400)
    }
    expect(performance.now() - started).toBeLessThan(2000)
  })
})
