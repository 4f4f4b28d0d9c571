import { expect, test } from '@jest/globals'

import { ROUTES } from '#control/routes.js'

import type { RunningBox } from '../../box/running-box.js'
import { askAdmin, stateOf } from './ask-admin.js'

const GUARDED = [...ROUTES.values()].filter(({ needs }) => needs !== 'nobody')
const LISTS = GUARDED.filter(({ method, path }) => method === 'GET' && !path.includes(':'))
const PARAMETERS = { host: 'docker.io', name: 'first', id: '1', system: 'docker' } as const

/** Who may ask, and what can be asked: rows 63 to 66. */
export function testGuards(box: () => RunningBox): void {
  test.each([
    ['an escaped letter', (path: string) => path.replace('/api', '/%61pi')],
    ['an escaped slash', (path: string) => path.replace('/v1/', '/v1%2f')],
    ['a slash at its end', (path: string) => `${path}/`],
    ['two slashes', (path: string) => path.replace('/v1/', '/v1//')],
    ['two slashes in front', (path: string) => `/${path}`],
    ['a part of one dot', (path: string) => path.replace('/v1/', '/v1/./')],
    ['a part that climbs', (path: string) => path.replace('/v1/', '/v1/clients/../')],
    ['an escaped part that climbs', (path: string) => path.replace('/v1/', '/v1/docs/%2e%2e/')],
    ['capital letters', (path: string) => path.toUpperCase()],
    ['a semicolon', (path: string) => `${path};.css`],
    ['an ending', (path: string) => `${path}.json`],
    ['a query', (path: string) => `${path}?/api/v1/certificates/ca.pem`],
    ['a fragment', (path: string) => `/api/v1/certificates/ca.pem#/../..${path}`],
    ['a backslash', (path: string) => path.replace('/v1/', '/v1\\')],
    ['a NUL', (path: string) => `${path}%00`],
    ['a host of its own', (path: string) => `https://127.0.0.1${path}`],
    ['another host of its own', (path: string) => `http://localhost/api/docs/..${path}`],
  ] as const)('no route is open without a token, however it is written: with %s', async (_what, written) => {
    const before = await stateOf(box())
    for (const { method, path } of GUARDED) {
      const target = written(
        `/api/v1/${path.replaceAll(/:(\w+)/g, (_, name: keyof typeof PARAMETERS) => PARAMETERS[name])}`,
      )
      for (const asked of method === 'GET' ? ['GET', 'HEAD'] : [method]) {
        const { status, text } = await askAdmin(box(), { method: asked, target, token: null })
        // The authority's certificate and the documentation are everybody's, and tell nothing of what the box keeps.
        const isOpen = /^\/api\/(?:v1\/certificates\/ca\.pem|docs)/.test(target)
        const isRefused = [400, 401, 404, 405].includes(status)
        const tells = /"items"|hasPassword|"rights"/.test(text)
        expect([asked, target, isOpen || isRefused, tells]).toEqual([asked, target, true, false])
      }
    }
    expect(await stateOf(box())).toBe(before)
  })

  test('a header, a query or a cookie that names another method, path or caller opens nothing', async () => {
    // Of its own, since what stands in a target stands in the logs.
    const { token } = (await box().change('POST', 'admin-tokens', {
      name: 'elsewhere',
      rights: 'admin',
    })) as {
      readonly token: string
    }
    const lies = {
      ...{ 'x-http-method-override': 'DELETE', 'x-original-url': '/api/v1/certificates/ca.pem' },
      ...{ 'x-rewrite-url': '/api/docs', 'x-forwarded-prefix': '/api/docs', 'x-real-ip': 'local' },
      ...{ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-user': 'admin', forwarded: 'for=127.0.0.1' },
      cookie: `token=${token}; authorization=Bearer ${token}`,
    }
    const basic = `Basic ${Buffer.from(`x:${token}`).toString('base64')}`
    const calls = [
      { target: '/api/v1/accounts', headers: lies },
      { target: `/api/v1/accounts?access_token=${token}&token=${token}` },
      ...[basic, token, `Bearer  ${token}`, `Bearer ${token} x`, `Token ${token}`].map((authorization) => ({
        ...{ target: '/api/v1/accounts', headers: { authorization } },
      })),
    ]
    for (const call of calls)
      expect([call, (await askAdmin(box(), { ...call, token: null })).status]).toEqual([call, 401])
    await box().change('DELETE', 'admin-tokens/elsewhere')
  })

  test('what no list can be asked is refused by name', async () => {
    const queries = [
      ...[
        'sort=secretHash',
        'sort=-name',
        'q=x',
        'filter=x',
        'filter[secretHash]=%242b',
        'secretHash=%242b%25',
        'select=hash',
      ],
      ...[
        'order=hash',
        'relations=*',
        'where[hash][$like]=x',
        'limit[$gt]=1',
        'limit[]=1',
        'limit=1&limit=2',
        'limit=1e9',
      ],
      ...[
        'limit=-1',
        'limit=1;drop table account',
        'after[]=x',
        'after[a]=b',
        'after=a&after=b',
        'toString=1',
      ],
    ]
    for (const { path } of LISTS.filter(({ query }) => query !== undefined))
      for (const query of queries) {
        const { status } = await askAdmin(box(), { target: `/api/v1/${path}?${encodeURI(query)}` })
        expect([path, query, status]).toEqual([path, query, 400])
      }
  })

  test("an id of something else is nobody's", async () => {
    const before = await stateOf(box())
    const calls = [
      ...[
        ['POST', 'config/history/999999/rollback'],
        ['GET', 'config/history/999999'],
        ['DELETE', 'accounts/none'],
      ],
      ...[
        ['POST', 'accounts/none/rotate'],
        ['DELETE', 'admin-tokens/none'],
        ['DELETE', 'upstreams/none.example'],
      ],
      ...[
        ['GET', 'upstreams/none.example/state'],
        ['GET', 'clients/none'],
        ['GET', 'accounts/__proto__'],
      ],
      ...[
        ['GET', 'accounts/constructor'],
        ['GET', 'upstreams/toString'],
        ['DELETE', 'certificates/requests/none'],
      ],
    ] as const
    for (const [method, path] of calls) {
      const { status } = await askAdmin(box(), { method, target: `/api/v1/${path}` })
      expect([method, path, [400, 404].includes(status)]).toEqual([method, path, true])
    }
    for (const id of ['-1', '+1', '0x1', '1e0', '1.0', '99999999999999999999', "1' or '1'='1", '%20 1'])
      expect(
        (
          await askAdmin(box(), {
            method: 'POST',
            target: encodeURI(`/api/v1/config/history/${id}/rollback`),
          })
        ).status,
      ).toBeLessThan(500)
    expect(await stateOf(box())).toBe(before)
  })

  test('a page of another site is given nothing, and nothing is remembered of who was here', async () => {
    const origin = 'https://evil.example'
    const simple = {
      origin,
      cookie: 'session=x',
      'content-type': 'text/plain',
      'sec-fetch-site': 'cross-site',
    }
    const posted = await askAdmin(box(), {
      method: 'POST',
      target: '/api/v1/accounts',
      headers: simple,
      body: '{"name":"x"}',
      token: null,
    })
    expect(posted.status).toBe(401)
    const preflight = {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    }
    const answers = [
      posted,
      await askAdmin(box(), {
        method: 'OPTIONS',
        target: '/api/v1/accounts',
        headers: preflight,
        token: null,
      }),
      await askAdmin(box(), { target: '/api/v1/accounts', headers: { origin } }),
      await askAdmin(box(), { target: '/api/docs', headers: { origin }, token: null }),
      await askAdmin(box(), { target: '/api/openapi.json', headers: { origin }, token: null }),
    ]
    for (const { headers } of answers) {
      expect(Object.keys(headers).filter((name) => /^access-control-|^set-cookie$/.test(name))).toEqual([])
      expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' })
    }
    expect(answers[1]?.status).toBeGreaterThanOrEqual(400)
  })
}
