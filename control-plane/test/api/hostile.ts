import { expect, test } from '@jest/globals'
import { request } from 'undici'

import { ACCOUNT_ROUTES as ACCOUNTS } from '#control/access/account.schema.js'
import { AUDIT_ROUTES as AUDIT } from '#control/audit/audit.schema.js'
import { problem } from '#control/http/problem.schema.js'
import { UPSTREAM_ROUTES as UPSTREAMS } from '#control/upstreams/upstream.schema.js'
import { ADMIN_TOKEN } from '../support/api-stage.js'
import { eventually } from '../support/eventually.js'
import { describeOn, type OpenStage } from './suite.js'

const JSON_TYPE = { 'content-type': 'application/json' }

export function testHostileRequests(open: OpenStage): void {
  describeOn('what no client of ours sends', open, (stage) => {
    test.each([
      ['no JSON', { body: '{"name": ', headers: JSON_TYPE }, 400],
      ['a number', { body: '7', headers: JSON_TYPE }, 400],
      ['no body', { body: '', headers: {} }, 400],
      ['a form', { body: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 400],
      ['an unknown encoding', { body: 'x', headers: { ...JSON_TYPE, 'content-encoding': 'zip' } }, 415],
      ['an unknown charset', { body: '{}', headers: { 'content-type': 'application/json; charset=x' } }, 415],
      ['two megabytes', { body: JSON.stringify({ name: 'x'.repeat(2 << 20) }), headers: JSON_TYPE }, 413],
      [
        'nested 101 levels deep',
        { body: '{"a":'.repeat(101) + '1' + '}'.repeat(101), headers: JSON_TYPE },
        400,
      ],
      [
        'a list of a hundred thousand lists',
        { body: '['.repeat(1e5) + ']'.repeat(1e5), headers: JSON_TYPE },
        400,
      ],
      ['a prototype', { body: '{"__proto__": {"name": "x"}}', headers: JSON_TYPE }, 400],
    ])('a body that is %s is refused as a problem', async (_what, { body, headers }, status) => {
      const answer = await send('POST', '/api/v1/accounts', { body, headers })
      expect(answer.status).toBe(status)
    })

    test('a PATCH that is nested deeply is refused before anybody merges it, and one of a hundred levels by its field', async () => {
      const nested = (levels: number) => ({
        ...{ body: '{"a":'.repeat(levels) + '1' + '}'.repeat(levels), headers: JSON_TYPE },
      })
      for (const path of ['upstreams/quay.io', 'accounts/push']) {
        const { status, detail } = await send('PATCH', `/api/v1/${path}`, nested(5000))
        expect({ status, detail }).toEqual({ status: 400, detail: expect.stringContaining('100 levels') })
        expect((await send('PATCH', `/api/v1/${path}`, nested(100))).detail).toBe('a: there is no such field')
      }
    })

    test.each(['__proto__', 'constructor'])('%s is no field, at any depth', async (name) => {
      const field = `{${JSON.stringify(name)}: {"x": 1}}`
      const routes = ['settings/nginx', 'upstreams/quay.io'].map((path) => ['PATCH', path] as const)
      for (const [method, path] of [...routes, ['POST', 'admin-tokens'] as const])
        for (const body of [field, `{"names": [${field}]}`])
          expect(await send(method, `/api/v1/${path}`, { body, headers: JSON_TYPE })).toEqual({
            ...{ status: 400, detail: `${name}: there is no such field` },
          })
    })

    test('a NUL character is a wrong value, wherever it stands', async () => {
      const { api } = stage()
      const nul = 'a\u0000b'
      const path = { name: nul, host: nul }
      expect((await api.refused(ACCOUNTS.get, { path })).status).toBe(400)
      expect((await api.refused(UPSTREAMS.get, { path })).status).toBe(400)
      expect((await api.refused(AUDIT.list, { query: { target: nul } })).status).toBe(400)
      expect((await api.refused(ACCOUNTS.list, { query: { after: nul } })).status).toBe(400)
      const body = { ca: `-----BEGIN CERTIFICATE-----${nul}` }
      expect((await api.refused(UPSTREAMS.put, { path: { host: 'nul.example' }, body })).status).toBe(400)
    })

    test('paths that mean nothing are problems too', async () => {
      expect(await send('GET', '/api/v1/nothing')).toMatchObject({ status: 404 })
      expect(await send('DELETE', '/api/v1/health')).toMatchObject({ status: 404 })
      expect(await send('GET', '/elsewhere')).toMatchObject({ status: 404 })
      expect(await send('GET', '/api/v1/accounts/%zz')).toMatchObject({ status: 400 })
    })

    test('whoever calls itself the probe of the box is logged, but for what that asks', async () => {
      const headers = { 'user-agent': 'entrepot-probe' }
      for (const path of ['/api/v1/health', '/api/v1/accounts?limit=7'])
        await (await request(`${stage().base}${path}`, { headers })).body.dump()
      const line = await eventually('the line of the log', async () =>
        stage().log.find((each) => each.includes('/api/v1/accounts?limit=7')),
      )
      expect(line).toContain('"status":401')
    })

    test('the documentation is served to everybody, and says nothing of this box', async () => {
      const { statusCode, body } = await request(`${stage().base}/api/docs`)
      expect(statusCode).toBe(200)
      expect(await body.text()).toContain('swagger')
    })

    async function send(
      method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
      path: string,
      { body = null, headers = {} }: { body?: string | null; headers?: Record<string, string> } = {},
    ): Promise<{ status: number; detail: string }> {
      const answer = await request(`${stage().base}${path}`, {
        method,
        headers: { ...headers, authorization: `Bearer ${ADMIN_TOKEN}` },
        body,
      })
      expect(answer.headers['content-type']).toContain('application/problem+json')
      const { status, detail } = problem.parse(await answer.body.json())
      expect(status).toBe(answer.statusCode)
      return { status, detail }
    }
  })
}
